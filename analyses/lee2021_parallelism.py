"""Data parallelism and sparsity: how many steps a batch size needs, of dense and of pruned nets.

Lee, Ajanthan, Torr and Jaggi, "Understanding the effects of data parallelism and sparsity on
neural network training", arXiv:2003.11316; Shallue et al., arXiv:1811.03600.

    nice python analyses/lee2021_parallelism.py -o OUT --jobs 1 --budget-minutes 60

For every net, optimizer and batch size: the fewest steps to a validation error, over 64 draws of
metaparameters that all share. A draw decides the initial weights, the mask and the order of the
samples, too. The nets are dense, or pruned before training by SNIP, at random (ERK) or by PHEW.
Controls: random masks, the same with weights corrected for the inputs that are left, and 16 nets
trained by the same learning rate, whose gradients are compared along their steps. What a budget
leaves out are the sizes between, and the nets that were seen not to reach the goal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import pandas as pd
from lee2021.cells import Cell, Search, Searching, Steepness, measured
from lee2021.nets import CORRECTED, DENSE, METHODS
from lee2021.tables import tables_of

from netsculpt.cli.study import run_study
from netsculpt.studies.study import Study
from netsculpt.training.parallelism.draws import OPTIMIZERS, Optimizer

Net = tuple[str, float]  # method, density

SEARCHING = Searching()

_SIZES = tuple(2**n for n in range(11))
_NETS: tuple[Net, ...] = (
    (DENSE, 1.0),
    *((method, density) for density in (0.3, 0.1, 0.05) for method in METHODS),
)
_THIRD: tuple[Net, ...] = tuple(net for net in _NETS if net[1] >= 0.3)
_TENTH: tuple[Net, ...] = tuple(net for net in _NETS if net[1] in (0.1, 1))
_BEST: Mapping[Net, float] = {  # learning rates of SGD that were found for B = 64, 8 % error
    (DENSE, 1.0): 0.75,
    ("snip", 0.3): 0.87,
    ("random", 0.3): 1.33,
    (CORRECTED, 0.3): 1.33,
    ("phew", 0.3): 1.33,
    ("snip", 0.1): 1.54,
}
_GOOD = (*_THIRD, ("snip", 0.1))  # they reach 8 % error


@dataclass(frozen=True)
class Part:
    """Nets that are searched alike."""

    goal: float  # validation error
    nets: tuple[Net, ...]
    optimizers: tuple[Optimizer, ...] = OPTIMIZERS
    batch_sizes: tuple[int, ...] = _SIZES


@dataclass(frozen=True)
class Config:
    """What to search; what comes first is not left out by a budget."""

    parts: tuple[Part, ...] = (
        Part(0.08, _GOOD, ("sgd",), _SIZES[::2]),
        Part(0.3, _TENTH, ("sgd",), _SIZES[::2]),  # 8 % is beyond most nets of this density
        Part(0.08, _GOOD, ("momentum",), _SIZES[::2]),
        Part(0.3, _TENTH, ("momentum",), _SIZES[::2]),
        Part(0.08, _GOOD),
        Part(0.3, _NETS),
        Part(0.08, _NETS),
    )
    searching: Searching = SEARCHING
    steepness: tuple[Steepness, ...] = (
        *(Steepness(*net) for net in (*_THIRD, *_TENTH[1:])),
        *(Steepness(*net, "best", rate) for net, rate in _BEST.items()),
    )


QUICK = Config(
    (Part(0.3, ((DENSE, 1.0), ("random", 0.3)), ("sgd",), (1, 16, 256)),),
    replace(SEARCHING, n_draws=16, most_steps=200, most_samples=2000, enough=8),
    tuple(Steepness(*net, n_nets=4, n_steps=40) for net in ((DENSE, 1.0), ("random", 0.3))),
)


def study(config: Config) -> Study[Cell]:
    """Steepness, then all searches."""
    about = {"arguments": asdict(config)}
    documents = ("scaling", "ratios")
    return Study("lee2021_parallelism", cells(config), measured, tables_of, documents, about)


def cells(config: Config) -> list[Cell]:
    """Each once, at the place of the first part that has it."""
    searches = [
        Search(*net, optimizer, part.goal, size, config.searching)
        for part in config.parts
        for optimizer in part.optimizers
        for net in part.nets
        for size in part.batch_sizes
    ]
    return [*config.steepness, *dict.fromkeys(searches)]


def show(tables: Mapping[str, pd.DataFrame]) -> None:
    """Print steps, laws and ratios."""
    for name in ("steps", "scaling", "ratios", "lipschitz"):
        if name in tables:
            print(f"{name}\n{tables[name].round(3).to_string(index=False)}\n")


if __name__ == "__main__":
    run_study(__doc__, study, full=Config(), quick=QUICK, show=show)
