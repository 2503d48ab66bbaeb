"""Weight importance: when the size of a weight says what it is worth.

    python analyses/twente_importance.py -o OUT --budget-minutes 60

Small nets learn digits. Then each weight is removed by itself, exactly, and the change of the loss
is compared with estimates of it, on training samples and on held-out ones, which other people
wrote. Factors: architecture, activation, normalisation of inputs, norms between layers, and method
and density of sparse training. From a part of their combinations every effect of two factors can be
told apart; they come seed by seed and in random order, for a budget may leave some out. Next to
it, the nets of a pilot of which numbers are known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import pandas as pd
from twente_runs.cells import FACTORS, Cell, Settings, Treatment
from twente_runs.design import fraction
from twente_runs.measured import measured
from twente_runs.tables import tables_of

from netsculpt.cli.study import run_study
from netsculpt.studies.study import Study

PILOT = (64, 32, 10)
_SETTINGS, _PILOT_SETTINGS = Settings(), Settings(n_samples=None, recovery_epochs=0)


@dataclass(frozen=True)
class Config:
    """What to train and measure."""

    n_treatments: int = 240
    n_seeds: int = 5
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict(FACTORS))
    settings: Settings = _SETTINGS
    pilot_settings: Settings = _PILOT_SETTINGS


FULL = Config()
QUICK = Config(
    n_treatments=10,
    n_seeds=1,
    levels={
        **{name: levels[:1] for name, levels in FACTORS.items()},
        "arch": ("mlp",),
        "activation": ("relu", "tanh"),
        "inputs": ("z", "raw"),
        "sparsity": ("dense", "rigl 20", "set 20"),
    },
    settings=Settings(epochs=4, n_samples=64, recovery_epochs=1),
    pilot_settings=Settings(epochs=10, n_samples=200, recovery_epochs=0),
)


def study(config: Config) -> Study[Cell]:
    """The cells of the pilot, and those of the design, seed by seed."""
    treatments = fraction(config.levels, config.n_treatments)
    pilots = [Treatment("mlp", "tanh", x, "none", "dense") for x in config.levels["inputs"]]
    seeds = range(config.n_seeds)
    cells = [Cell(x, seed, PILOT, config.pilot_settings) for seed in seeds for x in pilots]
    cells += [Cell(x, seed, None, config.settings) for seed in seeds for x in treatments]
    documents = ("pilot", "rankings")
    about = {"arguments": asdict(config)}
    return Study("twente_importance", cells, measured, tables_of, documents, about)


def show(tables: Mapping[str, pd.DataFrame]) -> None:
    """Print what is read first."""
    for name in ("pilot", "rankings", "effects"):
        if name in tables:
            print(tables[name].to_string(index=False), end="\n\n")


if __name__ == "__main__":
    run_study(__doc__, study, full=FULL, quick=QUICK, show=show)
