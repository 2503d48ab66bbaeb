"""Weights next to the mask go on learning."""

from __future__ import annotations

from collections.abc import Collection

from torch import nn

from netsculpt.core.random import RNG
from netsculpt.training.dynamic import births, exchanges, states
from netsculpt.training.dynamic.rewiring import Rewiring, Timing
from netsculpt.training.dynamic.sparsifier import Sparsifier
from netsculpt.training.dynamic.starting import Allocation

__all__ = ["top_kast"]


def top_kast(
    net: nn.Module,
    *,
    density: float | None,
    end: int,
    begin: int = 0,
    every: int = 100,
    stored: float = 0.1,
    allocation: str | Allocation = "erk",
    dense: Collection[str] = (),
    rng: RNG = None,
) -> Sparsifier:
    """Top-KAST: compute with the largest weights, let some more learn.

    The net computes with the kept weights A only. The gradient reaches A and the largest others, B;
    at an update A is chosen again by size from all. No dense gradient is ever used. Weights outside
    of B stay as they are. The paper penalises the rest of B more, by 1 / density; the optimizer's
    weight decay here is the same on both.

    Jayakumar et al., "Top-KAST: Top-K always sparse training", arXiv:2106.03517.

    Parameters
    ----------
    net
        Any net; masks are put into it.
    density
        Fraction of the weights to compute with; None: the masks that it has.
    begin, end, every
        Optimizer steps: the first update, the last possible one, and how far apart they are.
    stored
        Fraction of the weights of each layer that learn as well, outside the mask.
    allocation, dense, rng
        As `Sparsifier` has them.
    """
    rewiring = Rewiring(
        exchange=exchanges.largest,
        birth=births.learned,
        state=states.keep,
        stored=stored,
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
        method="top_kast",
    )
