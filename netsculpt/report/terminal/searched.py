"""The report of a search for topologies in the terminal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.table import Table

from netsculpt.core.counting import counted
from netsculpt.report.terminal._style import command, console, literal, plain_table, written
from netsculpt.training.search.result import Searched
from netsculpt.training.search.tasks import Tested

__all__ = ["print_searched"]

MOST_CHAMPIONS = 10  # listed, evenly spread


def print_searched(searched: Searched, tested: Tested, task: str, folder: Path) -> None:
    """Print the champion, its rewards in the search and in a test, and those before it."""
    out = console()
    champion, plan = searched.champion, searched.plan
    out.print(
        f"\n[bold]{literal(task)}[/bold]  {counted(plan.population, 'network')}, "
        f"{counted(len(searched.history), 'generation')}\n"
        f"Champion of generation {champion.generation:,}: mean reward "
        f"[bold]{champion.mean:.4g}[/bold] over {counted(len(plan.weights), 'shared weight')}, "
        f"{counted(champion.topology.n_units, 'unit')}, "
        f"{counted(champion.topology.n_edges, 'edge')}"
    )
    table = plain_table("weight", *(f"{weight:g}" for weight in plan.weights))
    table.add_row("in the search", *(f"{reward:.4g}" for reward in champion.rewards))
    table.add_row("in a test", *(f"{reward:.4g}" for reward in tested.rewards))
    if tested.accuracies is not None:
        table.add_row("right", *(f"{share:.1%}" for share in tested.accuracies))
    out.print(table)
    out.print(
        f"In the test, by what the search never drew, the mean is {tested.rewards.mean():.4g}: the "
        "champion is the best of many by the same draws, which favour it.\n"
    )
    out.print(_champions(searched))
    if len(searched.champions) > MOST_CHAMPIONS:
        out.print(f"{MOST_CHAMPIONS} of {len(searched.champions)} champions; all in champions.csv")
    written(folder, f"\nChampion, tables and figures are in [bold]{literal(folder)}[/bold]")
    if champion.topology.n_edges:
        out.print(f"Read it with: {command('analyze', folder / 'champion.out')}", soft_wrap=True)


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
