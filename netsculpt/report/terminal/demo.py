"""The verdicts of the demonstration in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsculpt.report.terminal._style import console, plain_table
from netsculpt.studies.demo import PLAN
from netsculpt.studies.sculpting import grouped_right

if TYPE_CHECKING:
    from netsculpt.pipeline import Analysis

__all__ = ["print_verdicts"]


def print_verdicts(analysis: Analysis) -> None:
    """Print what each detector should find, and whether it does."""
    from netsculpt.training.tasks import given_task

    console().print(
        f"\n[bold]The truth[/bold]  Task {PLAN.task}: one function of the first four inputs and "
        "one of the last four; two more functions each use both of these, and each computes every "
        "second output."
    )
    truth = given_task(PLAN.task).truth
    assert truth is not None
    table = plain_table("detector", "modules", "inputs", "outputs")
    for each in analysis.detected:
        verdicts = grouped_right(analysis.graph, each.partition, truth)
        table.add_row(
            each.detector,
            str(each.partition.n_modules),
            *("as they truly are" if right else "not so" for right in verdicts),
        )
    console().print(table)
