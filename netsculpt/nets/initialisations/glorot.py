"""Initial weights that compromise between constant variance of activations and of gradients."""

from __future__ import annotations

from torch import nn

from netsculpt.core.random import RNG
from netsculpt.nets.drawing import fans, normal, redrawn

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
    return redrawn(net, normal(lambda weight: 2 / sum(fans(weight))), rng)
