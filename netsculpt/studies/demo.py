"""The demonstration: networks sculpted for a task whose functions are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from shutil import copyfile

from netsculpt.core.errors import LimitError
from netsculpt.core.progress import Progress
from netsculpt.studies.sculpting import Plan, sweep

__all__ = ["PLAN", "sculpted_model"]

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
