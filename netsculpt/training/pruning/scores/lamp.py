"""How large a weight is among those of its layer that would stay longer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from netsculpt.core.declared import varies_with
from netsculpt.core.random import RNG
from netsculpt.nets.prunable import prunable
from netsculpt.training.fitting.batches import Batches

__all__ = ["lamp"]


@varies_with("unit scales", "input scales")
def lamp(
    net: nn.Module,
    batches: Batches | None = None,  # noqa: ARG001 - scores share a signature
    *,
    rng: RNG = None,  # noqa: ARG001
) -> dict[str, Tensor]:
    r"""Layer-adaptive magnitude :math:`w^2 / \sum_{u^2 \ge w^2} u^2` over the layer, 0 … 1.

    The largest weight of every layer scores 1, unless it has equals: no layer is emptied. Lee et
    al., arXiv:2010.07611, equation 3; equal weights score equally here.

    >>> net = nn.Linear(3, 1)
    >>> _ = net.weight.data.copy_(torch.tensor([[1.0, -2.0, 2.0]]))
    >>> [round(x, 3) for x in lamp(net)["weight"][0].tolist()]
    [0.111, 0.5, 0.5]
    """
    scores = {}
    for name, weight in prunable(net).items():
        squares = weight.detach().double().square().flatten()
        ordered = squares.sort().values
        at_least = ordered.flip(0).cumsum(0).flip(0)[torch.searchsorted(ordered, squares)]
        share = torch.where(squares > 0, squares / at_least, 0.0)
        scores[name] = share.view_as(weight)
    return scores
