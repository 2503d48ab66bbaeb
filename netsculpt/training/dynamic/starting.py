"""The masks with which a sparse training begins."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import torch
from torch import Tensor, nn

from netsculpt.core.catalog import named
from netsculpt.core.errors import FormatError
from netsculpt.nets.choosing import apportioned
from netsculpt.nets.masking import LayerParameter
from netsculpt.nets.prunable import layer_weights

__all__ = ["Allocation", "allocation_of", "random_masks", "trained_weights"]

Allocation = Callable[[Mapping[str, tuple[int, ...]], float], Mapping[str, float]]


def trained_weights(net: nn.Module, dense: Collection[str] = ()) -> dict[str, LayerParameter]:
    """The weights that are rewired: all that learn, except those named in `dense`."""
    entries = {x.name: x for x in layer_weights(net) if x.parameter.requires_grad}
    unknown = sorted(set(dense) - entries.keys())
    if unknown:
        raise FormatError(
            f"{', '.join(map(repr, unknown))} cannot be left dense: the weights of the net are "
            f"{', '.join(entries)}"
        )
    chosen = {name: x for name, x in entries.items() if name not in set(dense)}
    if not chosen:
        raise FormatError("no weight is left to be sparse: leave fewer dense, or unfreeze some")
    return chosen


def allocation_of(allocation: str | Allocation) -> Allocation:
    """The allocation of that name, or the function itself."""
    if not isinstance(allocation, str):
        return allocation
    function: Allocation = named("allocations", allocation)
    return function


def random_masks(
    entries: Mapping[str, LayerParameter],
    density: float,
    allocation: Allocation,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Random masks that keep exactly round(density × weights) of all.

    >>> from netsculpt.nets.families import MLP
    >>> from netsculpt.training.pruning.allocations import erk
    >>> entries = trained_weights(MLP((64, 32, 10)).build())
    >>> masks = random_masks(entries, 0.1, erk, torch.Generator().manual_seed(0))
    >>> {name: int(mask.sum()) for name, mask in masks.items()}
    {'fc1.weight': 165, 'fc2.weight': 72}
    """
    shapes = {name: tuple(x.parameter.shape) for name, x in entries.items()}
    sizes = {name: x.parameter.numel() for name, x in entries.items()}
    n_kept = round(density * sum(sizes.values()))
    counts = apportioned(allocation(shapes, density), sizes, n_kept, sizes)
    masks = {}
    for name, shape in shapes.items():
        keys = torch.rand(sizes[name], generator=generator, dtype=torch.float64)
        mask = torch.zeros(sizes[name], dtype=torch.bool)
        if counts[name]:
            mask[keys.topk(counts[name], sorted=False).indices] = True
        masks[name] = mask.view(shape)
    return masks
