"""What initialisations share: a copy of a net with new weights, each from its own generator."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.nets.masking import LayerParameter
from netsculpt.nets.masks import zero_pruned
from netsculpt.nets.prunable import layer_weights

__all__ = ["fan_in", "redrawn"]

Draw = Callable[[LayerParameter, torch.Generator], Tensor]


def redrawn(net: nn.Module, draw: Draw, rng: RNG) -> nn.Module:
    """Copy of a net with new weights from `draw`, biases 0; each weight has its own generator."""
    seed = root_seed(rng)
    clone = copy.deepcopy(net)
    with torch.no_grad():
        for weight in layer_weights(clone):
            numbers = stream(seed, "initial weights", weight.name).integers(2**63)
            generator = torch.Generator().manual_seed(int(numbers))
            weight.parameter.copy_(draw(weight, generator))
            for leaf, parameter in weight.layer.named_parameters(recurse=False):
                if "bias" in leaf:
                    parameter.zero_()
    zero_pruned(clone)
    return clone


def fan_in(weight: LayerParameter) -> int:
    """Inputs of a unit, times the taps of a kernel."""
    shape = weight.parameter.shape
    if weight.is_transposed:
        return shape[0] // weight.n_groups * math.prod(shape[2:])
    return math.prod(shape[1:])
