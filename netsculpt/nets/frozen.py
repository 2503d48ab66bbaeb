"""A net that is only measured, and targets of its type."""

from __future__ import annotations

import copy

from torch import Tensor, nn

from netsculpt.nets.masks import zero_pruned

__all__ = ["double", "frozen_copy"]


def frozen_copy(net: nn.Module) -> nn.Module:
    """A copy in eval mode and float64 that learns nothing, and in which no layer works in place.

    >>> net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(inplace=True))
    >>> made = frozen_copy(net)
    >>> made[0].weight.dtype, made[1].inplace, net[1].inplace
    (torch.float64, False, True)
    """
    made = copy.deepcopy(net).double().eval().requires_grad_(False)
    zero_pruned(made)
    for layer in made.modules():
        if getattr(layer, "inplace", False):
            layer.inplace = False  # type: ignore[assignment]
    return made


def double(targets: Tensor) -> Tensor:
    """Targets of the type of the logits; class numbers stay as they are."""
    return targets.double() if targets.is_floating_point() else targets
