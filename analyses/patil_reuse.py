"""What a net reuses of another, and what it gains, against the number of shared sub-functions.

    python analyses/patil_reuse.py -o OUT

After the plan of a study that Patil proposed and did not publish. A source learns n = 4 Boolean
sub-functions of 8 inputs and combines them; a target shares k = 0 … 4 of them and combines them in
another way. Sources are sculpted, trained by RigL or AC/DC, or dense.

- Reuse: the target is trained from all of the source by the source's method. Its masks, modules and
  sub-functions are compared with the source's; controls are a target from the source's *initial*
  weights, an unrelated source, k = 0, and the source as its own target.
- Benefit: the source's units are frozen in a wider net with new units next to them, and this learns
  the target from few rows of the truth table or from all. Controls are the same weights free, no
  module at all, the module of an unrelated source, and the module with its weights shuffled.

A seed decides the circuits, the weights, the masks and the training order; methods share it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType

import pandas as pd
from reuse_runs.cells import METHODS, Cell, Setup, cells
from reuse_runs.measured import measured
from reuse_runs.tables import tables_of

from netsculpt.cli.study import Options, run_study, several_of
from netsculpt.studies.study import Study
from netsculpt.training.sculpting.retraining import SCULPTING

_KEYS = "method", "shared"
_SHOWN: Mapping[str, tuple[str, ...]] = MappingProxyType(  # table → columns; () for all
    {
        "sources": (),
        "gains": (),
        "steps": (*_KEYS, "condition", "control", "n_pairs", "ratio", "low", "high", "p"),
        "itself": (),
        "reuse_means": (*_KEYS, "seeds", "degree", "chance", "mask_reuse", "beyond_initial"),
        "verdicts": (),
    }
)


@dataclass(frozen=True)
class Config:
    """How nets are trained, and which."""

    setup: Setup
    methods: tuple[str, ...] = METHODS
    n_seeds: int = 9


_SOURCE = replace(SCULPTING, epochs=160, learning_rate=0.01, batch_size=16)

FULL = Config(
    Setup(
        n_functions=4,
        hidden=(32, 32, 32),
        wide=(40, 40, 40),
        density=0.25,
        recipe=_SOURCE,
        edge_gradient=10.0,
        moving=60,
        every=32,
        phases=11,
        learning=replace(_SOURCE, epochs=80),
        fractions=(0.25, 0.5, 1.0),
        goal=0.95,
        detector="path_signature",
        n_random=39,
        n_draws=199,
        most_unions=66,
    )
)
_SMALL = replace(
    FULL.setup,
    n_functions=3,
    hidden=(24, 24, 24),
    wide=(28, 28, 28),
    learning=replace(_SOURCE, epochs=10),
    fractions=(0.5, 1.0),
    n_random=9,
    n_draws=19,
)
QUICK = Config(_SMALL, ("sculpted",), 1)
_OPTIONS: Options = {
    "--methods": {"type": several_of(METHODS), "help": "of the sources, with commas between them"}
}


def study(config: Config) -> Study[Cell]:
    """A cell for each source."""
    chosen = cells(config.setup, config.methods, range(config.n_seeds))
    documents = ("gains", "reuse_means")
    about = {"arguments": asdict(config)}
    return Study("patil_reuse", chosen, measured, tables_of, documents, about)


def show(tables: Mapping[str, pd.DataFrame]) -> None:
    """Print what is read first."""
    for name, columns in _SHOWN.items():
        if name in tables:
            table = tables[name][list(columns)] if columns else tables[name]
            print(f"{name}\n{table.round(3).to_string(index=False)}", end="\n\n")


if __name__ == "__main__":
    run_study(__doc__, study, full=FULL, quick=QUICK, show=show, options=_OPTIONS)
