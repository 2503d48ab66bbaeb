"""The demonstration: networks sculpted for a task whose functions are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from shutil import copyfile

from netsculpt.core.errors import LimitError
from netsculpt.core.progress import Progress
from netsculpt.studies.sculpting import SweepConfig, sweep

__all__ = ["DEMO", "MODEL", "RUNS", "sculpted_model"]

MODEL = "model.pt"
RUNS = "runs-"  # and the seed

DEMO = SweepConfig(
    "levels-4",
    widths=(8, 36, 36, 8),
    seeds=tuple(range(6)),
    unit_gradients=(30.0,),
    edge_gradients=(2.5,),
    epochs=30,
    batch_size=32,
)


def sculpted_model(folder: Path, seed: int, progress: Progress | None) -> None:
    """Sculpt six networks in ``folder/runs-SEED``; copy the sparsest to ``folder/model.pt``."""
    n_seeds = len(DEMO.seeds)
    config = replace(DEMO, seeds=tuple(range(seed * n_seeds, (seed + 1) * n_seeds)))
    runs = folder / f"{RUNS}{seed}"
    networks = sweep(config, runs, detectors=(), progress=progress).networks
    if not networks:
        raise LimitError(f"none of the six networks of seed {seed} solved the task: try another")
    sparsest = min(networks, key=lambda network: network.run.weights)
    copyfile(runs / sparsest.model, folder / MODEL)
