"""The largest weights after every step."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from torch import nn

from netsculpt.core.random import RNG
from netsculpt.training.dynamic import births, budgets, drops, exchanges, states
from netsculpt.training.dynamic.resizing import ByLayer
from netsculpt.training.dynamic.rewiring import Rewiring, Timing
from netsculpt.training.dynamic.sparsifier import Sparsifier
from netsculpt.training.dynamic.starting import Allocation, allocation_of

__all__ = ["magnitude_each_step"]


def magnitude_each_step(
    net: nn.Module,
    *,
    density: float,
    end: int,
    begin: int = 0,
    every: int = 1,
    start: float = 1.0,
    allocation: str | Allocation = "uniform",
    dense: Collection[str] = (),
    rng: RNG = None,
) -> Sparsifier:
    """Keep the largest weights of each layer after every step, as weight-sparse transformers do.

    The optimizer sees dense gradients and keeps dense moments, so that a pruned weight returns as
    soon as one step makes it large enough; its value is 0 until then. The density falls linearly to
    half way. The paper prunes biases and embeddings alike; here biases are left alone.

    Gao et al., "Weight-sparse transformers have interpretable circuits", arXiv:2511.13653.

    Parameters
    ----------
    net
        Any net; masks are put into it.
    density
        Fraction of the weights to keep at the end.
    begin, end, every
        Optimizer steps: the first update, the last possible one, and how far apart they are.
    start
        Density at first.
    allocation, dense, rng
        As `Sparsifier` has them.
    """
    rewiring = Rewiring(
        budget=partial(budgets.linear, density=density, start=start, until=0.5),
        resize=ByLayer(drops.magnitude, allocation_of(allocation)),
        exchange=exchanges.largest,
        birth=births.moved,
        state=states.keep,
        masks_gradient=False,
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
        method="magnitude_each_step",
    )
