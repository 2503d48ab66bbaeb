"""How much a weight passes on, by how much its input varies."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from netsculpt.core.declared import varies_with
from netsculpt.core.random import RNG
from netsculpt.nets.prunable import prunable
from netsculpt.training.fitting.batches import Batches
from netsculpt.training.pruning.scores._inputs import input_moments
from netsculpt.training.pruning.scores._scored import needed

__all__ = ["input_deviation"]


@varies_with("unit scales")
def input_deviation(
    net: nn.Module,
    batches: Batches | None = None,
    *,
    rng: RNG = None,  # noqa: ARG001 - scores share a signature
) -> dict[str, Tensor]:
    r"""Magnitude times the standard deviation of the input, :math:`|w| \sigma(x)`.

    The magnitude that the weight would have if every input had deviation 1: it does not depend on
    the unit in which an input is measured. Unlike `wanda`'s, it is 0 for an input that is constant,
    which a bias can replace.

    >>> net = nn.Linear(2, 1)
    >>> _ = net.weight.data.copy_(torch.tensor([[1.0, -2.0]]))
    >>> batches = Batches([(torch.tensor([[3.0, 1.0], [-3.0, 1.0]]), torch.zeros(2, 1))])
    >>> input_deviation(net, batches)["weight"].tolist()
    [[3.0, 0.0]]
    """
    moments = input_moments(net, needed(batches, "input_deviation"))
    return {
        name: weight.detach().double().abs() * _deviation(*moments[name])
        for name, weight in prunable(net).items()
    }


def _deviation(mean: Tensor, square: Tensor) -> Tensor:
    """The root of the variance; of a constant, rounding leaves none."""
    variance = square - mean.square()
    return torch.where(variance > 1e-14 * square, variance, 0.0).sqrt()
