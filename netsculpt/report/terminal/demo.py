"""The verdicts of the demonstration in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsculpt.report.terminal._style import console, plain_table
from netsculpt.studies.demo import DEMO
from netsculpt.studies.sculpting import is_grouped

if TYPE_CHECKING:
    from netsculpt.pipeline import Analysis

__all__ = ["print_verdicts"]


def print_verdicts(analysis: Analysis) -> None:
    """Print what each detector should find, and whether it does."""
    from netsculpt.training.tasks import parse_task

    console().print(
        f"\n[bold]The truth[/bold]  Task {DEMO.task}: one function of the first four inputs and "
        "one of the last four; two more functions each use both of these, and each computes every "
        "second output."
    )
    truth = parse_task(DEMO.task).truth
    assert truth is not None
    table = plain_table("detector", "modules", "inputs", "outputs")
    for each in analysis.detected:
        verdicts = is_grouped(analysis.graph, each.partition, truth)
        table.add_row(
            each.key,
            str(each.partition.n_modules),
            *("as they truly are" if right else "not so" for right in verdicts),
        )
    console().print(table)
