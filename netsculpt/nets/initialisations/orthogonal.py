"""Weights that keep lengths."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from netsculpt.core.random import RNG
from netsculpt.nets.drawing import TRANSPOSED, drawn
from netsculpt.nets.held import Place

__all__ = ["orthogonal"]


def orthogonal(net: nn.Module, *, rng: RNG = None, gain: float = 1.0) -> nn.Module:
    """Draw every layer as a random matrix whose singular values are all `gain`.

    Its matrix is [out, in · taps], each group of a convolution for itself; all such matrices are
    equally likely. √2 makes up for the half that ReLUs cut off. Saxe, McClelland and Ganguli,
    arXiv:1312.6120, section 3.

    >>> net = orthogonal(nn.Linear(4, 3), rng=0)
    >>> torch.linalg.svdvals(net.weight.detach()).numpy().round(5).tolist()
    [1.0, 1.0, 1.0]
    """
    return drawn(net, partial(_draw, gain), rng)


def _draw(gain: float, place: Place, generator: torch.Generator) -> Tensor:
    weight = torch.empty(place.parameter.shape, dtype=torch.float64)
    for group in weight.chunk(getattr(place.layer, "groups", 1)):
        matrix = group.transpose(0, 1) if isinstance(place.layer, TRANSPOSED) else group
        matrix.copy_(nn.init.orthogonal_(matrix.new_empty(matrix.shape), gain, generator))
    return weight
