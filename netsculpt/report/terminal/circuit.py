"""The report on a circuit, in the terminal."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from netsculpt.core.counting import counted
from netsculpt.report.terminal._style import command, console, literal, plain_table, written

if TYPE_CHECKING:
    from netsculpt.training.influence.circuits import Circuit

__all__ = ["print_circuit"]


def print_circuit(circuit: Circuit, folder: Path | None = None) -> None:
    """Print the size of a circuit, what it does under each ablation, and its controls."""
    out = console()
    out.print(
        f"\nThe net: loss {circuit.whole_loss:.3f}, accuracy {circuit.whole_accuracy:.1%}; "
        f"{circuit.n_nodes_of_net:,} channels, {circuit.n_edges_of_net:,} edges within blocks"
    )
    out.print(
        f"The circuit: [bold]{counted(circuit.n_nodes, 'channel')}, "
        f"{counted(circuit.n_edges, 'edge')}[/bold], cut by {literal(circuit.cut_by)} with "
        f"ablation by {circuit.cut_with}; asked for was a loss of {circuit.asked_loss:g} on the "
        "samples that it is cut on"
    )
    if not circuit.reached:
        out.print(
            "[yellow]No set of channels that was tried has so low a loss; this one has the lowest. "
            "Ask for a larger --loss, or train the net longer.[/yellow]"
        )
    elif circuit.loss[circuit.cut_with] > circuit.asked_loss:
        out.print(
            f"[yellow]On held-out samples its loss is {circuit.loss[circuit.cut_with]:.3f}, more "
            "than was asked for: cut on more --samples, or ask for a lower --loss.[/yellow]"
        )
    out.print()
    out.print(_ablations(circuit))
    out.print(
        "[dim]On held-out samples. Random channels: as many at each place. Shuffled weights: a "
        "circuit cut likewise from the net with its weights in another order.[/dim]"
    )
    control = circuit.control
    if control is not None:
        size = f"{counted(control.n_nodes, 'channel')}, {counted(control.n_edges, 'edge')}"
        lowest = f"{control.loss[circuit.cut_with]:.3f} on held-out samples"
        out.print(
            f"The net with shuffled weights comes to the loss that was asked for too, with {size}"
            if control.reached
            else "The net with shuffled weights comes to no such loss; its best circuit has "
            f"{lowest}, with {size}"
        )
    if folder is not None:
        written(
            folder,
            f"\nTables, figures and summary.json are in [bold]{literal(folder)}[/bold]; its graph "
            f"is read with: {command('analyze', folder / 'graph.npz')}",
        )


def _ablations(circuit: Circuit) -> Table:
    titles = ("others ablated by", "loss", "accuracy", "random channels", "shuffled weights")
    table = plain_table(*titles, n_texts=1)
    for row in circuit.table().to_dict("records"):
        shares = (row["accuracy"], row["random_channels"], row["shuffled_weights"])
        table.add_row(row["ablation"], f"{row['loss']:.3f}", *map(_share, shares))
    return table


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.1%}"
