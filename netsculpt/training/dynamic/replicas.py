"""Sparse training of many nets of one shape in one batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.core.random import root_seed
from netsculpt.nets.masks import mask_net, masks_of
from netsculpt.nets.stacks import Stack
from netsculpt.training.dynamic.sparsifier import Sparsifier

__all__ = ["replicated"]


def replicated(
    method: Callable[..., Sparsifier], stack: Stack, *, seeds: Sequence[int], **settings: Any
) -> Sparsifier:
    """Sparse training of a stack of nets, each as the method would train it alone.

    Counts, masks and random numbers of a net are its own: the r-th net gets the masks of
    ``method(stack.net(r), rng=seeds[r], **settings)``, up to rounding of the weights. In the
    training loop, sum the losses of the nets. `Sparsifier.n_kept` and `Update` are about all nets
    together, and flat indices are those of the weights [R, …].

    Parameters
    ----------
    method
        One of `netsculpt.training.dynamic.methods`, or a function that composes your own.
    stack
        The nets; their masks are changed in place.
    seeds
        One for each net.
    settings
        Of the method: density, end, every, …

    Raises
    ------
    LimitError
        If the method lets weights learn outside their masks, as Top-KAST does.

    Examples
    --------
    >>> from netsculpt.nets.families import MLP, initial_net
    >>> from netsculpt.training.dynamic import rigl
    >>> stack = Stack([initial_net(MLP((64, 32, 10)), rng=seed) for seed in range(3)])
    >>> sparsifier = replicated(rigl, stack, seeds=range(3), density=0.1, end=75, every=10)
    >>> optimizer = torch.optim.Adam(stack.parameters())
    >>> for _ in range(100):
    ...     optimizer.zero_grad()
    ...     stack(torch.randn(3, 8, 64)).square().mean((1, 2)).sum().backward()
    ...     stepped = sparsifier.step(optimizer)
    >>> {name: mask.sum((1, 2)).tolist() for name, mask in sparsifier.masks.items()}
    {'fc1.weight': [165, 165, 165], 'fc2.weight': [72, 72, 72]}
    """
    if len(seeds) != stack.n_nets:
        raise FormatError(f"{len(seeds)} seeds for {stack.n_nets} nets: give one for each")
    masks: dict[str, list[Tensor]] = {}
    for row, seed in enumerate(seeds):
        net = stack.net(row)
        one = method(net, rng=root_seed(seed), **settings)
        for name, mask in masks_of(net).items():
            masks.setdefault(name, []).append(mask)
    if one.rewiring.stored:
        raise LimitError(
            f"{one.method} lets weights learn outside their masks, which a stack has no room for: "
            "train the nets one by one"
        )
    mask_net(stack, {name: torch.stack(each) for name, each in masks.items()})
    return Sparsifier(
        stack,
        one.rewiring,
        one.timing,
        density=None,
        dense={name for name, x in stack.named_parameters() if x.ndim > 1} - one.masks.keys(),
        method=one.method,
        rng=one.seed,
        seeds=tuple(int(seed) for seed in seeds),
    )
