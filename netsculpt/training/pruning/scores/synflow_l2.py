"""How much flows through a squared weight."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from netsculpt.core.declared import varies_with
from netsculpt.core.random import RNG
from netsculpt.training.fitting.batches import Batches
from netsculpt.training.pruning.scores._flow import flow_scores
from netsculpt.training.pruning.scores._scored import needed

__all__ = ["synflow_l2"]


@varies_with("input scales")
def synflow_l2(
    net: nn.Module,
    batches: Batches | None = None,
    *,
    rng: RNG = None,  # noqa: ARG001 - scores share a signature
) -> dict[str, Tensor]:
    r"""Synaptic flow of squares, :math:`w^2 \cdot \partial R / \partial w^2`.

    R is the sum of the outputs of the net with weights w² for an input of ones; only the shape of
    the batches is used. Every layer's scores sum to R. Scores are float64. The trace of the path
    kernel is what it keeps: Patil and Dovrolis, arXiv:2010.11354, section 3; Gebhart, Saxena and
    Schrater, arXiv:2102.08253.

    >>> net = nn.Linear(2, 1)
    >>> _ = net.weight.data.copy_(torch.tensor([[1.0, -2.0]]))
    >>> synflow_l2(net, Batches([(torch.zeros(1, 2), torch.zeros(1))]))["weight"].tolist()
    [[1.0, 4.0]]
    """
    return flow_scores(net, needed(batches, "synflow_l2").example, torch.square)


synflow_l2.published_rounds = 100  # type: ignore[attr-defined]
