"""The verdicts of the demonstration in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from netsculpt.modules.verdict import SIGNIFICANT
from netsculpt.report.terminal._style import command, console, plain_table
from netsculpt.studies.demo import DEMO, MODEL
from netsculpt.studies.sculpting import is_grouped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netsculpt.pipeline import Analysis, Detected
    from netsculpt.training.tasks import Truth

__all__ = ["print_next", "print_verdicts"]


def print_verdicts(analysis: Analysis) -> None:
    """Print what each detector should find, whether it does, and where it does not."""
    from netsculpt.training.tasks import parse_task

    out = console()
    out.print(
        f"\n[bold]The truth[/bold]  Task {DEMO.task}: one function of the first four inputs and "
        "one of the last four; two more functions each use both of these, and each computes every "
        "second output."
    )
    truth = parse_task(DEMO.task).truth
    assert truth is not None
    table = plain_table("detector", "modules", "inputs", "outputs")
    wrong = []
    for each in analysis.detected:
        verdicts = is_grouped(analysis.graph, each.partition, truth)
        table.add_row(
            each.key,
            str(each.partition.n_modules),
            *("as they truly are" if right else "not so" for right in verdicts),
        )
        if not all(verdicts):
            wrong.append(_why(analysis, each, truth))
    out.print(table)
    for text in wrong:
        out.print(text)


def print_next(folder: Path) -> None:
    """Print what can be done next, one command a line."""
    out = console()
    out.print("\n[bold]Next[/bold]")
    model, detector = folder / MODEL, ("--detector", "path_signature")
    named = folder.resolve() if folder.name in ("", "..") else folder  # the current one has no name
    analysed, exported, sculpted = (
        named.with_name(f"{named.name}{ending}") for ending in ("-again", ".gexf", "-sculpted")
    )
    for words in (
        ("analyze", model, *detector, "--nulls", 200, "-o", analysed),
        ("export", model, *detector, "-o", exported),
        ("sculpt", "input-separable", "--seeds", "0-2", "-o", sculpted),
    ):
        out.print(f"  {command(*words)}", soft_wrap=True)


def _why(analysis: Analysis, each: Detected, truth: Truth) -> str:
    """Which units a detector puts where they do not belong, and what its p says of that."""
    graph, labels = analysis.graph, each.partition.labels
    ends = {
        "inputs": (labels[graph.inputs], truth.input_groups.labels),
        "outputs": (labels[graph.outputs], truth.output_groups.labels),
    }
    faults = [_fault(name, *pair) for name, pair in ends.items()]
    is_more = each.p is not None and each.p <= SIGNIFICANT
    chance = (
        "so its modules are more than chance, but they follow the edges, which need not be the "
        "functions"
        if is_more
        else "so what it finds may be chance"
    )
    p = "not tested" if each.p is None else f"p {each.p:.2g}, {chance}"
    return f"{each.key}: {'; '.join(fault for fault in faults if fault)} ({p})."


def _fault(name: str, found: NDArray[np.int32], true: NDArray[np.int32]) -> str:
    """The first group of units that is not one of the truth; empty if there is none.

    >>> _fault("inputs", np.array([0, 0, 0]), np.array([0, 0, 1]))
    'inputs 1, 2, 3 are one module, but of 2 functions'
    >>> _fault("inputs", np.array([0, 1, 2]), np.array([0, 0, 1]))
    'inputs 1 and 2 are of one function, but in different modules'
    """
    for label in np.unique(found[found >= 0]):
        n_functions = np.unique(true[found == label]).size
        if n_functions > 1:
            units = _numbers(found == label)
            return f"{name} {units} are one module, but of {n_functions} functions"
    for label in np.unique(true):
        parts = [_numbers((true == label) & (found == x)) for x in np.unique(found[true == label])]
        if len(parts) > 1:
            return f"{name} {' and '.join(parts)} are of one function, but in different modules"
    return ""


def _numbers(which: NDArray[np.bool_]) -> str:
    return ", ".join(str(index + 1) for index in np.flatnonzero(which))
