"""The report of a search for topologies in the terminal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.table import Table

from netsculpt.report.terminal._style import console, literal, plain_table
from netsculpt.training.search.result import Searched

__all__ = ["print_searched"]

MOST_CHAMPIONS = 10  # listed, evenly spread


def print_searched(searched: Searched, task: str, folder: Path) -> None:
    """Print the champion, its reward with each shared weight, and those before it."""
    out = console()
    champion, plan = searched.champion, searched.plan
    out.print(
        f"\n[bold]{literal(task)}[/bold]  {plan.population:,} networks, "
        f"{len(searched.history):,} generations\nChampion of generation {champion.generation:,}: "
        f"mean reward [bold]{champion.mean:.4g}[/bold] over {len(plan.weights)} shared weights, "
        f"{champion.topology.n_units:,} units, {champion.topology.n_edges:,} edges"
    )
    table = plain_table(*(f"{weight:g}" for weight in plan.weights), n_texts=0)
    table.add_row(*(f"{reward:.4g}" for reward in champion.rewards))
    out.print(table)
    out.print()
    out.print(_champions(searched))
    out.print(
        f"\nChampion, tables and figures are in [bold]{literal(folder)}[/bold]; read it with: "
        f"netsculpt analyze {literal(folder / 'champion.out')}",
        soft_wrap=True,
    )


def _champions(searched: Searched) -> Table:
    champions = searched.champions
    table = plain_table("generation", "mean reward", "best weight", "units", "edges", n_texts=0)
    places = np.linspace(0, len(champions) - 1, min(MOST_CHAMPIONS, len(champions))).round()
    for place in places:
        champion = champions[int(place)]
        table.add_row(
            f"{champion.generation:,}",
            f"{champion.mean:.4g}",
            f"{searched.plan.weights[int(champion.rewards.argmax())]:g}",
            f"{champion.topology.n_units:,}",
            f"{champion.topology.n_edges:,}",
        )
    return table
