"""RigL with the same number of inputs for every unit."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

import torch
from torch import Tensor, nn

from netsculpt.core.random import RNG
from netsculpt.training.dynamic import fractions, processes
from netsculpt.training.dynamic.constraints.fan_in import FanIn, random_fan_in
from netsculpt.training.dynamic.initial_masks import masked
from netsculpt.training.dynamic.rewiring import Rewiring, Timing
from netsculpt.training.dynamic.sparsifier import Sparsifier
from netsculpt.training.dynamic.starting import Allocation, trained_weights

__all__ = ["srigl"]


def srigl(
    net: nn.Module,
    *,
    density: float | None,
    end: int,
    begin: int = 0,
    every: int = 100,
    fraction: float = 0.3,
    least_salient: float = 0.3,
    allocation: str | Allocation = "erk",
    dense: Collection[str] = (),
    rng: RNG = None,
) -> Sparsifier:
    """SRigL: RigL with constant fan-in, and ablation of units that are hardly used.

    The number of weights is that of whole units times whole inputs, so that up to one weight a unit
    less is kept than the density asks for: ``sparsifier.n_kept`` says how many are. The last layer
    is never ablated. See `netsculpt.training.dynamic.constraints.fan_in.FanIn` for the rule.

    Lasby et al., "Dynamic sparse training with structured sparsity", arXiv:2305.02299.

    Parameters
    ----------
    net
        Any net; masks are put into it.
    density
        Fraction of the weights to keep, at most; None: the masks that it has.
    begin, end, every
        Optimizer steps: the first update, the last possible one, and how far apart they are.
    fraction
        Share of the kept weights that an update exchanges at first; it falls along half a cosine.
    least_salient
        γ: share of its inputs that must be salient for a unit to stay; .3 for convolutional nets,
        .95 for transformers.
    allocation, dense, rng
        As `Sparsifier` has them.

    Examples
    --------
    >>> from netsculpt.nets.families import MLP
    >>> net = MLP((64, 32, 10)).build()
    >>> sparsifier = srigl(net, density=0.1, end=75, rng=0)
    >>> sparsifier.n_kept, net.fc2.weight_mask.sum(1).tolist()
    ({'fc1.weight': 160, 'fc2.weight': 70}, [7, 7, 7, 7, 7, 7, 7, 7, 7, 7])
    """
    sparse = list(trained_weights(processes.unwrapped(net), dense))
    every_weight = list(trained_weights(processes.unwrapped(net)))
    whole = tuple(name for name in every_weight[-1:] if name in sparse)
    if density is not None:

        def draw(name: str, shape: tuple[int, ...], n: int, generator: torch.Generator) -> Tensor:
            return random_fan_in(name, shape, n, generator, whole=name in whole)

        rng = masked(net, draw, density=density, allocation=allocation, dense=dense, rng=rng)
    rewiring = Rewiring(
        partial(fractions.cosine, share=fraction),
        exchange=FanIn(least_salient, whole),
    )
    return Sparsifier(
        net,
        rewiring,
        Timing(begin, end, every, instead=True),
        density=None,
        allocation=allocation,
        dense=dense,
        rng=rng,
        method="srigl",
    )
