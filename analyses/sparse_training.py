"""Sparse training: how well nets learn by each method, and what it does to the network.

    python analyses/sparse_training.py -o OUT --budget-minutes 30

Random masks that stay, masks chosen before training (PHEW, SynFlow), masks that move (SET, RigL,
SRigL, CHT), masks that come about gradually (GraNet, GMP), and dense and sparse phases in turn
(AC/DC), on scikit-learn's digits and on images of two shapes. A seed decides which samples are held
out, the initial weights, the masks and the training order; methods share it, so that differences
are taken seed by seed. Accuracy is that of the last epoch on held-out samples: no epoch is chosen
by it. Masks change during the first three quarters of the training; AC/DC's phases are those
published for ResNet-50, scaled. Every training is recorded, and the network followed from the
record. The perceptron is trained by two recipes, as the order of the methods depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd
from sparse_runs.cells import METHODS, NETS, Cell, cells
from sparse_runs.tables import tables_of
from sparse_runs.trained import MEASURES, trained

from netsculpt.cli.study import run_study
from netsculpt.studies.study import Study

SPARSE = tuple(name for name, method in METHODS.items() if method.kind != "dense")


@dataclass(frozen=True)
class Part:
    """What is run with one net."""

    net: str
    densities: tuple[float, ...]
    n_seeds: int = 5
    epochs: int | None = None  # None: those of the net's recipe


@dataclass(frozen=True)
class Config:
    """What to train."""

    parts: tuple[Part, ...]
    methods: tuple[str, ...] = SPARSE
    n_nulls: int = 9  # networks with the same degrees for each
    n_seeds: int | None = None  # None: those of each part


_DENSITIES = (0.02, 0.1, 0.05, 0.01)  # the one that tells most first
FULL = Config(
    (
        Part("mlp", _DENSITIES),
        Part("mlp-adam", _DENSITIES),
        Part("cnn", _DENSITIES, n_seeds=3),
        Part("resnet20", (0.1, 0.05, 0.02), n_seeds=3),
    )
)
QUICK = Config(
    (Part("mlp-adam", (0.02,), n_seeds=2, epochs=8),), ("static", "rigl", "ac_dc"), n_nulls=1
)


def study(config: Config) -> Study[Cell]:
    """The cells of all nets, seed by seed, so that a budget leaves out seeds."""
    chosen = [
        cell
        for part in config.parts
        for cell in cells(
            part.net,
            methods=config.methods,
            densities=part.densities,
            seeds=range(config.n_seeds or part.n_seeds),
            n_nulls=config.n_nulls,
            epochs=part.epochs,
        )
    ]
    chosen.sort(key=lambda cell: cell.seed)
    about = {
        "arguments": asdict(config),
        "nets": {part.net: _described(part.net) for part in config.parts},
        "methods": {method: asdict(METHODS[method]) for method in config.methods},
        "measures": dict(MEASURES),
    }
    documents = ("accuracies", "network", "alike")
    return Study("sparse_training", chosen, trained, tables_of, documents, about)


def _described(net: str) -> dict[str, Any]:
    setup = NETS[net]
    return {
        "spec": setup.spec.spec,
        "task": setup.task,
        "recipe": asdict(setup.recipe),
        "every": setup.every,
    }


def show(tables: Mapping[str, pd.DataFrame]) -> None:
    """Print what is read first."""
    for name in ("accuracies", "expected", "network", "alike"):
        print(tables[name].to_string(index=False), end="\n\n")


if __name__ == "__main__":
    run_study(__doc__, study, full=FULL, quick=QUICK, show=show)
