"""Initial weights that compromise between constant variance of activations and of gradients."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from netsculpt.core.random import RNG
from netsculpt.nets.drawing import fan_in, redrawn
from netsculpt.nets.masking import LayerParameter

__all__ = ["glorot"]


def glorot(net: nn.Module, *, rng: RNG = None) -> nn.Module:
    r"""Draw every weight from :math:`N(0, 2 / (n_{in} + n_{out}))`.

    n_in counts the inputs of a unit, n_out the units that an input feeds, both times taps. Glorot
    and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    AISTATS 2010, equation 12.

    >>> net = glorot(nn.Linear(1500, 500), rng=0)
    >>> round(net.weight.var().item() * 1000, 1), net.bias.abs().sum().item()
    (1.0, 0.0)
    """
    return redrawn(net, _draw, rng)


def _draw(weight: LayerParameter, generator: torch.Generator) -> Tensor:
    spread = math.sqrt(2 / (fan_in(weight) + _fan_out(weight)))
    return spread * torch.randn(weight.parameter.shape, generator=generator)


def _fan_out(weight: LayerParameter) -> int:
    """Units that an input feeds, times the taps of a kernel."""
    shape = weight.parameter.shape
    if weight.is_transposed:
        return math.prod(shape[1:])
    return shape[0] // weight.n_groups * math.prod(shape[2:])
