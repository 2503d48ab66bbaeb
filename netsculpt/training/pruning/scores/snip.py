"""How much the loss would change, to first order, without a weight."""

from __future__ import annotations

from torch import Tensor, nn

from netsculpt.core.random import RNG
from netsculpt.nets.prunable import prunable
from netsculpt.training.fitting.batches import Batches
from netsculpt.training.pruning.scores._scored import loss_gradients, needed, scored_copy

__all__ = ["snip"]


def snip(net: nn.Module, batches: Batches | None = None, *, rng: RNG = None) -> dict[str, Tensor]:
    r"""Connection sensitivity :math:`|w \cdot \partial L / \partial w|` of the mean loss.

    Gradients are added up with their signs over all batches. Lee, Ajanthan and Torr,
    arXiv:1810.02340, equation 6; dividing by the sum would change no order.

    >>> import torch
    >>> net = nn.Linear(2, 1, bias=False)
    >>> _ = net.weight.data.copy_(torch.tensor([[1.0, -2.0]]))
    >>> one = [(torch.tensor([[3.0, 1.0]]), torch.zeros(1, 1))]
    >>> snip(net, Batches(one, lambda f, y: ((f - y) ** 2 / 2).mean()))["weight"].tolist()
    [[3.0, 2.0]]
    """
    given = needed(batches, "snip")
    with scored_copy(net, rng) as clone:
        gradients = loss_gradients(clone, given)
        return {name: (x * gradients[name]).abs().detach() for name, x in prunable(clone).items()}
