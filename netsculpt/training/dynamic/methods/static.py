"""Random masks that stay."""

from __future__ import annotations

from collections.abc import Collection

from torch import nn

from netsculpt.core.random import RNG
from netsculpt.training.dynamic.rewiring import Rewiring, Timing
from netsculpt.training.dynamic.sparsifier import Sparsifier
from netsculpt.training.dynamic.starting import Allocation

__all__ = ["static"]


def static(
    net: nn.Module,
    *,
    density: float | None,
    end: int = 0,
    allocation: str | Allocation = "erk",
    dense: Collection[str] = (),
    rng: RNG = None,
) -> Sparsifier:
    """Train with random masks that are never changed: the control of every other method.

    `end` is there so that all methods can be called alike.

    >>> from netsculpt.nets.families import MLP
    >>> static(MLP((64, 32, 10)).build(), density=0.1, rng=0).n_kept
    {'fc1.weight': 165, 'fc2.weight': 72}
    """
    timing = Timing(begin=0, end=end, every=1, at=())
    return Sparsifier(
        net,
        Rewiring(),
        timing,
        density=density,
        allocation=allocation,
        dense=dense,
        rng=rng,
        method="static",
    )
