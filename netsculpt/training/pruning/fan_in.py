"""Larger weights for units with fewer inputs."""

from __future__ import annotations

import torch
from torch import nn

from netsculpt.nets.copies import copy_of
from netsculpt.nets.drawing import fans, kept_inputs
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
    clone = copy_of(net)
    with torch.no_grad():
        for weight in layer_weights(clone):
            if weight.mask is not None:
                scale = (fans(weight)[0] / kept_inputs(weight.mask, weight).clamp(min=1)).sqrt()
                weight.parameter.mul_(scale.to(weight.parameter.dtype))
    return clone
