"""Gradual magnitude pruning."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from torch import nn

from netsculpt.core.random import RNG
from netsculpt.training.dynamic import budgets, drops
from netsculpt.training.dynamic.resizing import Globally
from netsculpt.training.dynamic.rewiring import Rewiring, Timing
from netsculpt.training.dynamic.sparsifier import Sparsifier
from netsculpt.training.dynamic.starting import Allocation

__all__ = ["gmp"]


def gmp(
    net: nn.Module,
    *,
    density: float,
    end: int,
    begin: int = 0,
    every: int = 100,
    start: float = 1.0,
    allocation: str | Allocation = "erk",
    dense: Collection[str] = (),
    rng: RNG = None,
) -> Sparsifier:
    """Gradual magnitude pruning: from dense to sparse while training; nothing returns.

    The smallest weights of all layers together go at each update, as the budget falls as a cube.
    The allocation only matters where training starts sparse.

    Zhu and Gupta, "To prune, or not to prune", arXiv:1710.01878.

    Parameters
    ----------
    net
        Any net; masks are put into it.
    density
        Fraction of the weights to keep at the end.
    begin, end, every
        Optimizer steps: the first update, the last possible one, and how far apart they are.
    allocation, dense, rng
        As `Sparsifier` has them.
    start
        Density at first.
    """
    rewiring = Rewiring(
        budget=partial(budgets.cubic, density=density, start=start),
        resize=Globally(drops.magnitude),
    )
    timing = Timing(begin, end, every)
    return Sparsifier(
        net,
        rewiring,
        timing,
        density=density,
        allocation=allocation,
        dense=dense,
        rng=rng,
        method="gmp",
    )
