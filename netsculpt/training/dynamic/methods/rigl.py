"""Drop the smallest weights, grow where the gradient is largest."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from torch import nn

from netsculpt.core.random import RNG
from netsculpt.training.dynamic import drops, fractions, grows
from netsculpt.training.dynamic.choosing import Highest, Lowest
from netsculpt.training.dynamic.rewiring import Rewiring, Timing
from netsculpt.training.dynamic.sparsifier import Sparsifier
from netsculpt.training.dynamic.starting import Allocation

__all__ = ["rigl"]


def rigl(
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
    """RigL: drop the smallest weights, grow where the dense gradient is largest.

    At an update the batch only tells where to grow; the optimizer does not step, as in the
    published code, whose first update is before the first step. A weight that was just dropped may
    return, with its value. Unlike there, only kept weights are ranked for the drop, so that weights
    of value 0 cannot let pruned ones in; and the cosine counts from `begin`.

    Evci et al., "Rigging the lottery", arXiv:1911.11134, algorithm 1.

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

    Examples
    --------
    >>> import torch
    >>> from netsculpt.nets.families import MLP
    >>> net = MLP((64, 32, 10)).build()
    >>> optimizer = torch.optim.Adam(net.parameters())
    >>> sparsifier = rigl(net, density=0.1, end=75, every=10, rng=0)
    >>> for _ in range(100):
    ...     optimizer.zero_grad()
    ...     net(torch.randn(8, 64)).square().mean().backward()
    ...     stepped = sparsifier.step(optimizer)
    >>> sparsifier.n_kept, sparsifier.n_updates
    ({'fc1.weight': 165, 'fc2.weight': 72}, 8)
    """
    rewiring = Rewiring(
        partial(fractions.cosine, share=fraction),
        Lowest(drops.magnitude),
        Highest(grows.gradient),
    )
    timing = Timing(begin, end, every, instead=True)
    return Sparsifier(
        net,
        rewiring,
        timing,
        density=density,
        allocation=allocation,
        dense=dense,
        rng=rng,
        method="rigl",
    )
