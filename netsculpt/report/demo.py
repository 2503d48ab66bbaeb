"""The demonstration: sculpt networks for a task whose functions are known, and analyse one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from netsculpt.errors import LimitError
from netsculpt.sweep import Plan, grouped_right, sweep

if TYPE_CHECKING:
    from netsculpt.pipeline import Analysis, Progress

__all__ = ["PLAN", "print_verdicts", "sculpted_model"]

PLAN = Plan(
    "levels-4",
    widths=(8, 36, 36, 8),
    seeds=tuple(range(6)),
    unit_gradients=(30.0,),
    edge_gradients=(2.5,),
    epochs=30,
    batch_size=32,
)


def sculpted_model(folder: Path, seed: int, progress: Progress | None) -> None:
    """Sculpt six networks in ``folder/runs-SEED``; the sparsest becomes ``folder/model.pt``."""
    first = seed * len(PLAN.seeds)
    plan = replace(PLAN, seeds=tuple(first + at for at in PLAN.seeds))
    runs = folder / f"runs-{seed}"
    found = sweep(plan, runs, detectors=(), progress=progress)
    if not found.networks:
        raise LimitError(f"none of the six networks of seed {seed} solved the task: try another")
    best = min(found.networks, key=lambda network: network.run.weights)
    copyfile(runs / best.model, folder / "model.pt")


def print_verdicts(found: Analysis) -> None:
    """Print what each detector should have found, and whether it did."""
    from netsculpt.training.tasks import given_task

    console = Console(highlight=False)
    console.print(
        f"\n[bold]The truth[/bold]  Task {PLAN.task}: one function of the first four inputs and "
        "one of the last four; two more each use both of them, and give every second output."
    )
    truth = given_task(PLAN.task).truth
    assert truth is not None
    table = Table("detector", "modules", "inputs", "outputs", box=None)
    for each in found.detected:
        verdicts = grouped_right(found.graph, each.partition, truth)
        table.add_row(
            each.detector,
            str(each.partition.n_modules),
            *("as they truly are" if right else "not so" for right in verdicts),
        )
    console.print(table)
