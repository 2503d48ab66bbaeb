"""What initialisations share: a copy of a net with new weights, each from its own generator."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.nets.copies import copy_of
from netsculpt.nets.masking import LayerParameter
from netsculpt.nets.masks import zero_pruned
from netsculpt.nets.prunable import layer_weights

__all__ = ["fans", "kept_inputs", "normal", "redrawn"]

Draw = Callable[[LayerParameter, torch.Generator], Tensor]


def redrawn(net: nn.Module, draw: Draw, rng: RNG) -> nn.Module:
    """Copy of a net with new weights from `draw`, biases 0; each weight has its own generator."""
    seed = root_seed(rng)
    clone = copy_of(net)
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


def normal(variance: Callable[[LayerParameter], float]) -> Draw:
    """Draw a weight from the normal distribution of mean 0 and that variance."""

    def draw(weight: LayerParameter, generator: torch.Generator) -> Tensor:
        numbers = torch.randn(weight.parameter.shape, generator=generator)
        return math.sqrt(variance(weight)) * numbers

    return draw


def fans(weight: LayerParameter) -> tuple[int, int]:
    """Inputs of a unit and units that an input feeds, both times the taps of a kernel."""
    shape = weight.parameter.shape
    n_in, n_out = math.prod(shape[1:]), shape[0] // weight.n_groups * math.prod(shape[2:])
    return (n_out, n_in) if weight.is_transposed else (n_in, n_out)


def kept_inputs(mask: Tensor, weight: LayerParameter) -> Tensor:
    """Inputs of each unit times taps, of a shape that broadcasts to the weight."""
    if not weight.is_transposed:
        return mask.sum(tuple(range(1, mask.ndim)), keepdim=True)
    n_groups, taps = weight.n_groups, tuple(range(3, mask.ndim + 1))
    kept = mask.reshape(n_groups, -1, *mask.shape[1:]).sum((1, *taps), keepdim=True)
    n_in = len(mask) // n_groups
    return kept.expand(-1, n_in, *kept.shape[2:]).flatten(0, 1)
