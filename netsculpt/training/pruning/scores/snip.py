"""How much the loss would change without a weight, to first order."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from netsculpt.core.random import RNG
from netsculpt.nets.prunable import prunable
from netsculpt.training.fitting.batches import Batches
from netsculpt.training.pruning.scores._scored import needed, scored_copy

__all__ = ["snip"]


def snip(net: nn.Module, batches: Batches | None = None, *, rng: RNG = None) -> dict[str, Tensor]:
    r"""Connection sensitivity :math:`|w \cdot \partial L / \partial w|` of the mean loss.

    Gradients are summed over all batches with their signs. Lee, Ajanthan and Torr,
    arXiv:1810.02340, equation 6; dividing by the sum would not change the order.

    >>> net = nn.Linear(2, 1, bias=False)
    >>> _ = net.weight.data.copy_(torch.tensor([[1.0, -2.0]]))
    >>> one = [(torch.tensor([[3.0, 1.0]]), torch.zeros(1, 1))]
    >>> snip(net, Batches(one, lambda f, y: ((f - y) ** 2 / 2).mean()))["weight"].tolist()
    [[3.0, 2.0]]
    """
    batches = needed(batches, "snip")
    with scored_copy(net, rng) as clone:
        weights = list(prunable(clone).values())
        total = [torch.zeros_like(weight) for weight in weights]
        for inputs, targets in batches:
            loss = batches.loss(clone(inputs), targets) * (len(inputs) / batches.n_samples)
            gradients = torch.autograd.grad(loss, weights, materialize_grads=True)
            total = [sum_ + gradient for sum_, gradient in zip(total, gradients, strict=True)]
        pairs = zip(prunable(clone).items(), total, strict=True)
        return {name: (weight * gradient).abs().detach() for (name, weight), gradient in pairs}
