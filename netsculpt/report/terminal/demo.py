"""What the demonstration prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from netsculpt.studies.demo import DEMO
from netsculpt.studies.sculpting import is_grouped

if TYPE_CHECKING:
    from netsculpt.pipeline import Analysis

__all__ = ["print_verdicts"]


def print_verdicts(found: Analysis) -> None:
    """Print what each detector should have found, and whether it did."""
    from netsculpt.training.tasks import parse_task

    console = Console(highlight=False)
    console.print(
        f"\n[bold]The truth[/bold]  Task {DEMO.task}: one function of the first four inputs and "
        "one of the last four; two more each use both of them, and give every second output."
    )
    truth = parse_task(DEMO.task).truth
    assert truth is not None
    table = Table("detector", "modules", "inputs", "outputs", box=None)
    for each in found.detected:
        verdicts = is_grouped(found.graph, each.partition, truth)
        table.add_row(
            each.detector,
            str(each.partition.n_modules),
            *("as they truly are" if right else "not so" for right in verdicts),
        )
    console.print(table)
