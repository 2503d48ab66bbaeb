"""Signals in pruned nets: how close layers are to isometries, and how fast the nets learn.

Lee, Ajanthan, Gould and Torr, "A signal propagation perspective for pruning neural networks at
initialization", arXiv:1906.06307.

    python analyses/lee2020_signal.py -o OUT --budget-minutes 10

Nets of seven layers are pruned at initialisation, made approximately isometric or not, and trained
in the same way on scikit-learn's digits. Two controls separate isometry from mere size of weights:
units rescaled for the inputs that they keep, and layers scaled to the norms of the isometric ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import product

import pandas as pd
from lee2020.measured import (
    DENSE,
    GAINS,
    INITIALISATIONS,
    METHODS,
    SAMPLES,
    Cell,
    Settings,
    measured,
)
from lee2020.tables import tables_of

from netsculpt.cli.study import run_study
from netsculpt.studies.study import Study
from netsculpt.training import Recipe

SHOWN = ("singular_values", "speed", "gains")

TRAINING = Recipe(epochs=20, batch_size=100, optimizer="sgd", learning_rate=0.03)
SETTINGS = Settings(TRAINING)


@dataclass(frozen=True)
class Config:
    """What to prune, how to train it, what to report."""

    activations: tuple[str, ...] = tuple(GAINS)
    methods: tuple[str, ...] = METHODS
    densities: tuple[float, ...] = (0.5, 0.2, 0.1, 0.05, 0.02)
    init_densities: tuple[float, ...] = (0.1, 0.02)  # at which SNIP's initialisations are compared
    n_seeds: int = 5
    settings: Settings = SETTINGS
    checkpoints: tuple[int, ...] = (1, 5, 20)  # epochs whose losses are reported
    goal: float = 0.9  # accuracy


QUICK = Config(
    activations=("tanh",),
    methods=("random", "snip", "phew"),
    densities=(0.2, 0.05),
    init_densities=(0.05,),
    n_seeds=2,
    settings=Settings(replace(TRAINING, epochs=6), n_jacobians=1),
    checkpoints=(1, 5),
)


def study(config: Config) -> Study[Cell]:
    """Every net with every method, at all densities."""
    tables = partial(tables_of, checkpoints=config.checkpoints, goal=config.goal)
    about = {"arguments": asdict(config)}
    return Study("lee2020_signal", cells(config), measured, tables, about=about)


def cells(config: Config) -> list[Cell]:
    """All cells; a budget leaves out seeds, not methods."""
    chosen = []
    for seed, activation in product(range(config.n_seeds), config.activations):
        net = partial(Cell, seed, activation, settings=config.settings)
        chosen += [net(init, DENSE, SAMPLES[0], (1.0,)) for init in INITIALISATIONS]
        chosen += [net("orthogonal", x, SAMPLES[0], config.densities) for x in config.methods]
        chosen += [
            net(init, "snip", samples, config.init_densities)
            for init, samples in product(INITIALISATIONS, SAMPLES)
            if (init, samples) != ("orthogonal", SAMPLES[0])
        ]
    return chosen


def show(tables: Mapping[str, pd.DataFrame]) -> None:
    """Print means without their intervals."""
    for name in SHOWN:
        means = tables[name].filter(regex="^(?!.*_(from|to)$)")
        print(f"{name}\n{means.round(3).to_string(index=False)}\n")


if __name__ == "__main__":
    run_study(__doc__, study, full=Config(), quick=QUICK, show=show)
