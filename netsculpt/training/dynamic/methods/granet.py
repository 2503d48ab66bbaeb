"""Gradual pruning, with weights that return."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from torch import nn

from netsculpt.core.random import RNG
from netsculpt.training.dynamic import budgets, drops, fractions, grows
from netsculpt.training.dynamic.choosing import Highest, Lowest
from netsculpt.training.dynamic.resizing import Globally
from netsculpt.training.dynamic.rewiring import Rewiring, Timing
from netsculpt.training.dynamic.sparsifier import Sparsifier
from netsculpt.training.dynamic.starting import Allocation

__all__ = ["granet"]


def granet(
    net: nn.Module,
    *,
    density: float,
    end: int,
    begin: int = 0,
    every: int = 100,
    start: float = 0.5,
    fraction: float = 0.5,
    allocation: str | Allocation = "erk",
    dense: Collection[str] = (),
    rng: RNG = None,
) -> Sparsifier:
    """GraNet: prune gradually by magnitude, and exchange weights of each layer as RigL does.

    At every update the smallest weights of all layers together go until the budget is met, which
    falls as a cube from `start`; then each layer exchanges its fraction. The published code keeps
    one weight less.

    Liu et al., "Sparse training via boosting pruning plasticity", arXiv:2106.10404.

    Parameters
    ----------
    net
        Any net; masks are put into it.
    density
        Fraction of the weights to keep at the end.
    begin, end, every
        Optimizer steps: the first update, the last possible one, and how far apart they are.
    fraction
        Share of the kept weights of each layer that an update exchanges at first; it falls along
        half a cosine.
    allocation, dense, rng
        As `Sparsifier` has them.
    start
        Density at first; 1 starts dense.
    """
    rewiring = Rewiring(
        partial(fractions.cosine, share=fraction),
        Lowest(drops.magnitude),
        Highest(grows.gradient),
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
        method="granet",
    )
