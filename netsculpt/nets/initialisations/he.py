"""Initial weights that keep the variance of activations constant through ReLUs."""

from __future__ import annotations

from torch import nn

from netsculpt.core.random import RNG
from netsculpt.nets.drawing import fans, normal, redrawn

__all__ = ["he"]


def he(net: nn.Module, *, rng: RNG = None) -> nn.Module:
    r"""Draw every weight from :math:`N(0, 2 / n_{in})`; n_in counts a unit's inputs times taps.

    Inputs are counted before pruning; `netsculpt.training.fan_in_corrected` scales by the kept
    ones. He, Zhang, Ren and Sun, arXiv:1502.01852, equation 10.

    >>> net = he(nn.Linear(1000, 100), rng=0)
    >>> round(net.weight.var().item() * 1000, 1), net.bias.abs().sum().item()
    (2.0, 0.0)
    """
    return redrawn(net, normal(lambda weight: 2 / fans(weight)[0]), rng)
