"""Weights between those that keep the variance of activations and that of gradients."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from netsculpt.core.random import RNG
from netsculpt.nets.drawing import TRANSPOSED, drawn, fan_in
from netsculpt.nets.held import Place

__all__ = ["glorot"]


def glorot(net: nn.Module, *, rng: RNG = None) -> nn.Module:
    r"""Draw every weight from :math:`N(0, 2 / (n_{in} + n_{out}))`.

    Inputs of a unit and outputs of an input, times taps. Glorot and Bengio, "Understanding the
    difficulty of training deep feedforward neural networks", AISTATS 2010, equation 12.

    >>> net = glorot(nn.Linear(1500, 500), rng=0)
    >>> round(net.weight.var().item() * 1000, 1), net.bias.abs().sum().item()
    (1.0, 0.0)
    """
    return drawn(net, _draw, rng)


def _draw(place: Place, generator: torch.Generator) -> Tensor:
    spread = math.sqrt(2 / (fan_in(place) + _fan_out(place)))
    return spread * torch.randn(place.parameter.shape, generator=generator)


def _fan_out(place: Place) -> int:
    """Units that an input goes to, times the taps of a kernel."""
    shape = place.parameter.shape
    if isinstance(place.layer, TRANSPOSED):  # [in, out / groups, …]
        return math.prod(shape[1:])
    return shape[0] // getattr(place.layer, "groups", 1) * math.prod(shape[2:])
