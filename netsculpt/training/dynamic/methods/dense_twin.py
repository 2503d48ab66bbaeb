"""AC/DC without its last compression."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from torch import nn

from netsculpt.core.random import RNG
from netsculpt.training.dynamic.methods.ac_dc import alternating
from netsculpt.training.dynamic.sparsifier import Sparsifier

__all__ = ["dense_twin"]


def dense_twin(
    net: nn.Module,
    *,
    density: float,
    phases: Sequence[int],
    reset_momentum: bool = True,
    dense: Collection[str] = (),
    rng: RNG = None,
) -> Sparsifier:
    """The dense net of AC/DC's training: the last compression is left out.

    With the arguments, the seed and the learning rates of `ac_dc` it is the same bit for bit until
    the sparse one is compressed for the last time; then it stays dense. States of `ac_dc` from
    before that are states of it as well, so that it can start there.

    Peste et al., arXiv:2106.12379, section 4.2. Arguments are those of `ac_dc`.

    Examples
    --------
    >>> from netsculpt.nets.families import MLP
    >>> twin = dense_twin(MLP((64, 32, 10)).build(), density=0.1, phases=(100, 200, 300))
    >>> twin.phases, twin.final_density
    ((100, 200), 1.0)
    """
    return alternating(net, density, phases, reset_momentum, dense, rng, twin=True)
