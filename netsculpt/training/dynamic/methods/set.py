"""Drop the smallest weights of each sign, grow at random."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from torch import nn

from netsculpt.core.random import RNG
from netsculpt.training.dynamic import candidates, drops, fractions
from netsculpt.training.dynamic.choosing import Lowest, signs, uniformly
from netsculpt.training.dynamic.rewiring import Rewiring, Timing
from netsculpt.training.dynamic.sparsifier import Sparsifier
from netsculpt.training.dynamic.starting import Allocation

__all__ = ["set"]


def set(  # noqa: A001
    net: nn.Module,
    *,
    density: float | None,
    end: int,
    begin: int = 0,
    every: int = 100,
    fraction: float = 0.3,
    allocation: str | Allocation = "erk",
    dense: Collection[str] = (),
    rng: RNG = None,
) -> Sparsifier:
    """SET: drop the smallest positive and the largest negative weights, grow at random.

    Exactly int(fraction × n) of the n weights of each sign go. The published index rule removes one
    or two more of each. New weights start at 0, as in the published code with masks; the paper
    draws them from the initialiser, the sparse code from N(0, 0.1²). Updates follow a step, and
    `every` is an epoch in the paper. The paper's allocation is that of Erdős and Rényi, "erk" for
    matrices.

    Mocanu et al., arXiv:1707.04780, algorithm 1.

    Parameters
    ----------
    net
        Any net; masks are put into it.
    density
        Fraction of the weights to keep; None: the masks that it has.
    begin, end, every
        Optimizer steps: the first update, the last possible one, and how far apart they are.
    fraction
        Share of the kept weights of each layer that an update exchanges, always the same.
    allocation, dense, rng
        As `Sparsifier` has them.
    """
    rewiring = Rewiring(
        partial(fractions.constant, share=fraction),
        Lowest(drops.magnitude, within=signs),
        uniformly,
        candidates.not_active,
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
        method="set",
    )
