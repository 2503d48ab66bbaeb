"""A net and targets as ablation takes them."""

from __future__ import annotations

import copy

from torch import Tensor, nn

from netsculpt.nets.masks import zero_pruned

__all__ = ["double", "frozen_copy"]


def frozen_copy(net: nn.Module) -> nn.Module:
    """A copy in eval mode and float64 that learns nothing, and in which no layer works in place."""
    made = copy.deepcopy(net).double().eval().requires_grad_(False)
    zero_pruned(made)
    for layer in made.modules():
        if getattr(layer, "inplace", False):
            layer.inplace = False  # type: ignore[assignment]
    return made


def double(targets: Tensor) -> Tensor:
    """Targets of the type of the logits; class numbers stay as they are."""
    return targets.double() if targets.is_floating_point() else targets
