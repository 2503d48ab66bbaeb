"""Pruners on images: a small CNN and ResNet-20, and SynFlow in one round or a hundred.

Tanaka, Kunin, Yamins and Ganguli, "Pruning neural networks without any data by iteratively
conserving synaptic flow", NeurIPS 2020, arXiv:2006.05467.

    python analyses/tanaka2020_synflow.py -o OUT --budget-minutes 10

Nets recognise which two of four shapes an image shows (the task "shape-pairs"). The CNN has no
norms; ResNet-20 (half as wide as the published one, on 12 × 12 pixels) has batch norm, which
removes most of the effect of the size of initial weights. All else is as in patil2021_phew.py.
SynFlow is also run in a single round, which cuts layers off; a hundred rounds do not.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from at_initialisation.cells import Cell
from at_initialisation.study import Config, Part
from at_initialisation.study import study as at_initialisation
from at_initialisation.tables import tables_of

from netsculpt.cli.study import run_study
from netsculpt.studies.study import Study

METHODS = (
    "random uniform",
    "random erk",
    "magnitude",
    "snip",
    "grasp",
    "synflow, one round",
    "synflow",
    "synflow_l2",
    "phew",
)
FULL = Config(
    (
        Part("cnn", (0.2, 0.1, 0.05, 0.02, 0.01), (0.05,), n_seeds=3),
        Part("resnet20", (0.1, 0.02), n_seeds=3),
    ),
    METHODS,
)
QUICK = Config(
    (
        Part("cnn", (0.05,), (0.05,), n_seeds=2, epochs=2),
        Part("resnet20", (0.05,), n_seeds=1, epochs=2),
    ),
    ("synflow, one round", "phew"),
    baselines=("shuffled",),
)


def study(config: Config) -> Study[Cell]:
    """The study of images."""
    return at_initialisation("tanaka2020_synflow", config, tables_of, documents=("accuracies",))


def show(tables: Mapping[str, pd.DataFrame]) -> None:
    """Print what is read first."""
    for name in ("accuracies", "cut_off", "agreement"):
        print(tables[name].to_string(index=False), end="\n\n")


if __name__ == "__main__":
    run_study(__doc__, study, full=FULL, quick=QUICK, show=show)
