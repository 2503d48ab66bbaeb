"""Weights that keep the variance of activations through ReLUs."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from netsculpt.core.random import RNG
from netsculpt.nets.drawing import drawn, fan_in
from netsculpt.nets.held import Place

__all__ = ["he"]


def he(net: nn.Module, *, rng: RNG = None) -> nn.Module:
    r"""Draw every weight from :math:`N(0, 2 / n_{in})`, for the inputs of its unit times taps.

    Inputs are counted before pruning; `netsculpt.training.fan_in_corrected` scales by those that
    are kept. He, Zhang, Ren and Sun, arXiv:1502.01852, equation 10.

    >>> net = he(nn.Linear(1000, 100), rng=0)
    >>> round(net.weight.var().item() * 1000, 1), net.bias.abs().sum().item()
    (2.0, 0.0)
    """
    return drawn(net, _draw, rng)


def _draw(place: Place, generator: torch.Generator) -> Tensor:
    spread = math.sqrt(2 / fan_in(place))
    return spread * torch.randn(place.parameter.shape, generator=generator)
