"""SET and RigL on sparse layers."""

from __future__ import annotations

from functools import partial

from torch import nn

from netsculpt.core.random import RNG
from netsculpt.training.dynamic import drops, fractions
from netsculpt.training.dynamic.choosing import Lowest, signs
from netsculpt.training.dynamic.edges.growing import largest_gradients, random_places
from netsculpt.training.dynamic.edges.sparsifier import EdgeSparsifier
from netsculpt.training.dynamic.rewiring import Timing

__all__ = ["rigl", "set"]


def rigl(
    net: nn.Module,
    *,
    end: int,
    begin: int = 0,
    every: int = 100,
    fraction: float = 0.3,
    rng: RNG = None,
) -> EdgeSparsifier:
    """RigL; see `netsculpt.training.dynamic.rigl`. What was just dropped does not return at once.

    Evci et al., arXiv:1911.11134, algorithm 1.
    """
    return EdgeSparsifier(
        net,
        Lowest(drops.magnitude),
        largest_gradients,
        partial(fractions.cosine, share=fraction),
        Timing(begin, end, every, instead=True),
        rng=rng,
    )


def set(  # noqa: A001
    net: nn.Module,
    *,
    end: int,
    begin: int = 0,
    every: int = 100,
    fraction: float = 0.3,
    rng: RNG = None,
) -> EdgeSparsifier:
    """SET; see `netsculpt.training.dynamic.set`.

    Mocanu et al., arXiv:1707.04780, algorithm 1.
    """
    return EdgeSparsifier(
        net,
        Lowest(drops.magnitude, within=signs),
        random_places,
        partial(fractions.constant, share=fraction),
        Timing(begin, end, every),
        rng=rng,
    )
