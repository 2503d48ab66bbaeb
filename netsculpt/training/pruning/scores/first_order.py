"""How the loss would change without a weight, to first order."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from netsculpt.core.random import RNG
from netsculpt.nets.prunable import prunable
from netsculpt.training.fitting.batches import Batches
from netsculpt.training.pruning.scores._measured import measured_copy, shares
from netsculpt.training.pruning.scores._scored import needed

__all__ = ["first_order"]


def first_order(
    net: nn.Module,
    batches: Batches | None = None,
    *,
    rng: RNG = None,  # noqa: ARG001 - scores share a signature
) -> dict[str, Tensor]:
    r"""Signed :math:`-w \cdot \partial L / \partial w`: the first term of the loss without w.

    In eval mode and float64, one backward pass. Its size is that of `snip`, which scores in train
    mode. Molchanov et al., arXiv:1611.06440, equation 7, without the absolute value.

    >>> net = nn.Linear(2, 1, bias=False)
    >>> _ = net.weight.data.copy_(torch.tensor([[1.0, -2.0]]))
    >>> one = [(torch.tensor([[3.0, 1.0]]), torch.zeros(1, 1))]
    >>> first_order(net, Batches(one, lambda f, y: ((f - y) ** 2 / 2).mean()))["weight"].tolist()
    [[-3.0, 2.0]]
    """
    batches = needed(batches, "first_order")
    with measured_copy(net) as made:
        weights = prunable(made)
        total = {name: torch.zeros_like(x) for name, x in weights.items()}
        for share, inputs, targets in shares(batches):
            loss = share * batches.loss(made(inputs), targets)
            gradients = torch.autograd.grad(loss, list(weights.values()), materialize_grads=True)
            for name, gradient in zip(weights, gradients, strict=True):
                total[name] -= gradient
        return {name: (x * total[name]).detach() for name, x in weights.items()}
