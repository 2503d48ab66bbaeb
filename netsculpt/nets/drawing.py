"""What initialisations share: a copy of a net, and who draws which weight."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.nets.held import Place
from netsculpt.nets.masks import zero_pruned
from netsculpt.nets.prunable import weight_places

__all__ = ["TRANSPOSED", "drawn", "fan_in"]

Draw = Callable[[Place, torch.Generator], Tensor]

TRANSPOSED = nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d


def drawn(net: nn.Module, draw: Draw, rng: RNG) -> nn.Module:
    """A copy of a net with weights that `draw` gives; each has a generator of its own."""
    seed = root_seed(rng)
    clone = copy.deepcopy(net)
    with torch.no_grad():
        for place in weight_places(clone):
            numbers = stream(seed, "initial weights", place.name).integers(2**63)
            generator = torch.Generator().manual_seed(int(numbers))
            place.parameter.copy_(draw(place, generator))
            for leaf, parameter in place.layer.named_parameters(recurse=False):
                if "bias" in leaf:
                    parameter.zero_()
    zero_pruned(clone)
    return clone


def fan_in(place: Place) -> int:
    """Inputs of a unit, times the taps of a kernel."""
    shape = place.parameter.shape
    if isinstance(place.layer, TRANSPOSED):  # [in, out / groups, …]
        return shape[0] // place.layer.groups * math.prod(shape[2:])
    return math.prod(shape[1:])
