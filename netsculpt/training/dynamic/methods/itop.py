"""Rare updates, so that many weights have their turn."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from torch import nn

from netsculpt.core.random import RNG
from netsculpt.training.dynamic import drops, fractions, grows
from netsculpt.training.dynamic.choosing import Highest, Lowest, Score
from netsculpt.training.dynamic.rewiring import Rewiring, Timing
from netsculpt.training.dynamic.sparsifier import Sparsifier
from netsculpt.training.dynamic.starting import Allocation

__all__ = ["itop"]


def itop(
    net: nn.Module,
    *,
    density: float | None,
    end: int,
    begin: int = 0,
    every: int = 1500,
    fraction: float = 0.5,
    grow: Score = grows.unfired,
    allocation: str | Allocation = "erk",
    dense: Collection[str] = (),
    rng: RNG = None,
) -> Sparsifier:
    """ITOP: few and large updates, so that weights learn in between and many have their turn.

    What counts is `Sparsifier.ever_active`: the share of weights that was kept at some time. The
    paper has every = 1500 with random growth, 4000 with `grows.gradient`. As many weights are kept
    as before, exactly; in the published code that is so only on average.

    Liu et al., "Do we actually need dense over-parameterization?", arXiv:2102.02887.

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
    grow
        Score by which weights come; by default those first that were never kept.
    """
    rewiring = Rewiring(
        partial(fractions.cosine, share=fraction, least=0.005),
        Lowest(drops.magnitude),
        Highest(grow),
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
        method="itop",
    )
