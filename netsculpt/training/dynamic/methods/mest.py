"""Drop by value and gradient, grow at random."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from torch import nn

from netsculpt.core.random import RNG
from netsculpt.training.dynamic import budgets, drops, fractions
from netsculpt.training.dynamic.choosing import Lowest, uniformly
from netsculpt.training.dynamic.resizing import Globally
from netsculpt.training.dynamic.rewiring import Rewiring, Timing
from netsculpt.training.dynamic.sparsifier import Sparsifier
from netsculpt.training.dynamic.starting import Allocation

__all__ = ["mest"]


def mest(
    net: nn.Module,
    *,
    density: float | None,
    end: int,
    begin: int = 0,
    every: int = 100,
    fraction: float = 0.3,
    strength: float = 0.01,
    start: float | None = None,
    allocation: str | Allocation = "erk",
    dense: Collection[str] = (),
    rng: RNG = None,
) -> Sparsifier:
    """MEST: drop the weights with the lowest |w| + λ|g|, grow at random.

    With `start`, the density begins higher and falls in steps (soft memory bound).

    Yuan et al., "MEST", arXiv:2110.14032.

    Parameters
    ----------
    net
        Any net; masks are put into it.
    density
        Fraction of the weights to keep; None: the masks that it has.
    begin, end, every
        Optimizer steps: the first update, the last possible one, and how far apart they are.
    fraction
        Share of the kept weights of each layer that an update exchanges at first; it falls along
        half a cosine.
    allocation, dense, rng
        As `Sparsifier` has them.
    strength
        λ.
    start
        Density until 60 % of the updates; then half way, and the density itself from 80 % on.
    """
    score, budget = partial(drops.mest, strength=strength), None
    if start is not None and density is not None:
        middle = (start + density) / 2
        budget = partial(budgets.stairs, edges=(0.0, 0.6, 0.8), densities=(start, middle, density))
    rewiring = Rewiring(
        partial(fractions.cosine, share=fraction),
        Lowest(score),
        uniformly,
        budget=budget,
        resize=Globally(score),
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
        method="mest",
    )
