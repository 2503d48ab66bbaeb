"""Initial weights whose matrices are orthogonal."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from netsculpt.core.random import RNG
from netsculpt.nets.drawing import redrawn
from netsculpt.nets.masking import LayerParameter

__all__ = ["orthogonal"]


def orthogonal(net: nn.Module, *, rng: RNG = None, gain: float = 1.0) -> nn.Module:
    """Draw every layer as a random matrix whose singular values are all `gain`.

    A layer's matrix is [out, in · taps], one per group of a convolution; all such matrices are
    equally likely. A gain of √2 makes up for the half that ReLUs cut off. Saxe, McClelland and
    Ganguli, arXiv:1312.6120, section 3.

    >>> net = orthogonal(nn.Linear(4, 3), rng=0)
    >>> torch.linalg.svdvals(net.weight.detach()).numpy().round(5).tolist()
    [1.0, 1.0, 1.0]
    """
    return redrawn(net, partial(_draw, gain), rng)


def _draw(gain: float, weight: LayerParameter, generator: torch.Generator) -> Tensor:
    values = torch.empty(weight.parameter.shape, dtype=torch.float64)
    for group in values.chunk(weight.n_groups):
        matrix = group.transpose(0, 1) if weight.is_transposed else group
        matrix.copy_(nn.init.orthogonal_(matrix.new_empty(matrix.shape), gain, generator))
    return values
