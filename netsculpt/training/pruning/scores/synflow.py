"""How much flows through a weight."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from netsculpt.core.declared import varies_with
from netsculpt.core.random import RNG
from netsculpt.training.fitting.batches import Batches
from netsculpt.training.pruning.scores._flow import flow_scores
from netsculpt.training.pruning.scores._scored import needed

__all__ = ["synflow"]


@varies_with("input scales")
def synflow(
    net: nn.Module,
    batches: Batches | None = None,
    *,
    rng: RNG = None,  # noqa: ARG001 - scores share a signature
) -> dict[str, Tensor]:
    r"""Synaptic flow :math:`|w| \cdot \partial R / \partial |w|`.

    R is the sum of the outputs of the net with weights \|w\| for an input of ones; only the shape
    of the batches is used. Every layer's scores sum to R, and multiplying a unit's incoming
    weights while dividing its outgoing ones changes none. Scores are float64. Tanaka, Kunin,
    Yamins and Ganguli, arXiv:2006.05467, equation 5; they prune over 100 rounds.

    >>> net = nn.Linear(2, 1)
    >>> _ = net.weight.data.copy_(torch.tensor([[1.0, -2.0]]))
    >>> synflow(net, Batches([(torch.zeros(1, 2), torch.zeros(1))]))["weight"].tolist()
    [[1.0, 2.0]]
    """
    return flow_scores(net, needed(batches, "synflow").example, torch.abs)


synflow.published_rounds = 100  # type: ignore[attr-defined]
