"""Grow where the momentum is largest."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from torch import nn

from netsculpt.core.random import RNG
from netsculpt.training.dynamic import drops, fractions, grows
from netsculpt.training.dynamic.choosing import Highest, Lowest
from netsculpt.training.dynamic.rewiring import Rewiring, Timing
from netsculpt.training.dynamic.sharing import by_momentum
from netsculpt.training.dynamic.sparsifier import Sparsifier
from netsculpt.training.dynamic.starting import Allocation
from netsculpt.training.dynamic.states import keep

__all__ = ["snfs"]


def snfs(
    net: nn.Module,
    *,
    density: float | None,
    end: int,
    begin: int = 0,
    every: int = 100,
    fraction: float = 0.5,
    allocation: str | Allocation = "erk",
    dense: Collection[str] = (),
    rng: RNG = None,
) -> Sparsifier:
    """SNFS: layers and weights grow where the momentum is largest.

    What all layers drop comes back in proportion to the mean momentum of their kept weights, at the
    pruned weights with the largest momentum. The optimizer sees dense gradients, so that there is
    momentum of pruned weights. In the published code `every` is an epoch.

    Dettmers and Zettlemoyer, "Sparse networks from scratch", arXiv:1907.04840.

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
    """
    rewiring = Rewiring(
        partial(fractions.cosine, share=fraction),
        Lowest(drops.magnitude),
        Highest(grows.momentum),
        share=by_momentum,
        state=keep,
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
        method="snfs",
    )
