"""Larger weights for units with fewer inputs."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from netsculpt.nets.drawing import fans
from netsculpt.nets.masking import LayerParameter
from netsculpt.nets.prunable import layer_weights

__all__ = ["fan_in_corrected"]


def fan_in_corrected(net: nn.Module) -> nn.Module:
    r"""Copy a masked net and multiply the weights of each unit by :math:`\sqrt{n_{in} / k}`.

    The weights of a unit that keeps k of its n inputs (times taps) are then as large as if it had
    been initialised with k inputs, so that a sparse net carries activations as a dense one does.
    Evci, Ioannou, Keskin and Dauphin, arXiv:2010.03533, section 3.1, draw them so. Units without
    inputs and weights without a mask stay as they are.

    >>> from netsculpt.nets.masks import mask_net
    >>> net = nn.Linear(4, 1)
    >>> _ = net.weight.data.fill_(1.0)
    >>> mask_net(net, {"weight": torch.tensor([[True, False, False, False]])})
    >>> fan_in_corrected(net).weight.tolist()
    [[2.0, 0.0, 0.0, 0.0]]
    """
    clone = copy.deepcopy(net)
    with torch.no_grad():
        for weight in layer_weights(clone):
            if weight.mask is not None:
                scale = (fans(weight)[0] / _kept_inputs(weight.mask, weight).clamp(min=1)).sqrt()
                weight.parameter.mul_(scale.to(weight.parameter.dtype))
    return clone


def _kept_inputs(mask: Tensor, weight: LayerParameter) -> Tensor:
    """Inputs of each unit times taps, of a shape that broadcasts to the weight."""
    if not weight.is_transposed:
        return mask.sum(tuple(range(1, mask.ndim)), keepdim=True)
    n_groups, taps = weight.n_groups, tuple(range(3, mask.ndim + 1))
    kept = mask.reshape(n_groups, -1, *mask.shape[1:]).sum((1, *taps), keepdim=True)
    n_in = len(mask) // n_groups
    return kept.expand(-1, n_in, *kept.shape[2:]).flatten(0, 1)
