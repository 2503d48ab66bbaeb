"""Dynamic masks of n of every m inputs."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

import torch
from torch import Tensor, nn

from netsculpt.core.numbers import checked_whole
from netsculpt.core.random import RNG
from netsculpt.training.dynamic import fractions
from netsculpt.training.dynamic.constraints.n_of_m import NOfM, random_n_of_m
from netsculpt.training.dynamic.initial_masks import masked
from netsculpt.training.dynamic.rewiring import Rewiring, Timing
from netsculpt.training.dynamic.sparsifier import Sparsifier

__all__ = ["n_of_m"]


def n_of_m(
    net: nn.Module,
    *,
    end: int,
    n: int = 2,
    m: int = 4,
    begin: int = 0,
    every: int = 100,
    fraction: float = 0.3,
    dense: Collection[str] = (),
    rng: RNG = None,
) -> Sparsifier:
    """N:M: RigL that keeps n of every m consecutive input channels of each unit and tap.

    The smallest weights of a layer go, and each group grows again where its gradient is largest.
    Sparse tensor cores want 2 of 4: Mishra et al., arXiv:2104.08378; as a constraint of RigL: Lasby
    et al., arXiv:2305.02299, section 2.

    Parameters
    ----------
    net
        Any net that is not pruned; masks are put into it.
    n, m
        How many of how many are kept.
    begin, end, every
        Optimizer steps: the first update, the last possible one, and how far apart they are.
    fraction
        Share of the kept weights that an update exchanges at first; it falls along half a cosine.
    dense
        Weights to leave alone, such as that of a first layer whose channels m does not divide.
    rng
        As `Sparsifier` has it.

    Examples
    --------
    >>> from netsculpt.nets.families import MLP
    >>> net = MLP((64, 32, 10)).build()
    >>> n_of_m(net, n=1, m=8, end=75, rng=0).n_kept
    {'fc1.weight': 256, 'fc2.weight': 40}
    """
    checked_whole(n, "n", least=1, most=checked_whole(m, "m", least=1))

    def draw(name: str, shape: tuple[int, ...], _: int, generator: torch.Generator) -> Tensor:
        return random_n_of_m(name, shape, n, m, generator)

    seed = masked(net, draw, density=n / m, allocation="uniform", dense=dense, rng=rng)
    rewiring = Rewiring(
        partial(fractions.cosine, share=fraction),
        exchange=NOfM(n, m),
    )
    return Sparsifier(
        net,
        rewiring,
        Timing(begin, end, every, instead=True),
        density=None,
        allocation="uniform",
        dense=dense,
        rng=seed,
        method="n_of_m",
    )
