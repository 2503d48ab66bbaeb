"""How much a weight passes on, by the size of its input."""

from __future__ import annotations

from torch import Tensor, nn

from netsculpt.core.declared import varies_with
from netsculpt.core.random import RNG
from netsculpt.nets.prunable import prunable
from netsculpt.training.fitting.batches import Batches
from netsculpt.training.pruning.scores._inputs import input_moments
from netsculpt.training.pruning.scores._scored import needed

__all__ = ["wanda"]


@varies_with("unit scales")
def wanda(
    net: nn.Module,
    batches: Batches | None = None,
    *,
    rng: RNG = None,  # noqa: ARG001 - scores share a signature
) -> dict[str, Tensor]:
    r"""Magnitude times the root mean square of the input, :math:`|w| \sqrt{E\,x^2}`.

    The norm of the paper divided by the root of the number of samples. It does not depend on the
    unit in which an input is measured. Sun, Liu, Bair and Kolter, arXiv:2306.11695, equation 1.

    >>> import torch
    >>> net = nn.Linear(2, 1)
    >>> _ = net.weight.data.copy_(torch.tensor([[1.0, -2.0]]))
    >>> batches = Batches([(torch.tensor([[3.0, 1.0], [-3.0, 1.0]]), torch.zeros(2, 1))])
    >>> wanda(net, batches)["weight"].tolist()
    [[3.0, 2.0]]
    """
    moments = input_moments(net, needed(batches, "wanda"))
    return {
        name: weight.detach().double().abs() * moments[name][1].sqrt()
        for name, weight in prunable(net).items()
    }
