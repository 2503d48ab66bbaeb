"""How much a weight adds to the gradient flow."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from netsculpt.core.declared import varies_with
from netsculpt.core.random import RNG
from netsculpt.nets.frozen import twice_differentiable
from netsculpt.nets.prunable import prunable
from netsculpt.training.fitting.batches import Batches
from netsculpt.training.pruning.scores._scored import needed, scored_copy

__all__ = ["grasp"]


@varies_with("unit scales", "input scales")
def grasp(
    net: nn.Module,
    batches: Batches | None = None,
    *,
    rng: RNG = None,
    temperature: float = 200.0,
) -> dict[str, Tensor]:
    r"""Signed :math:`w \cdot (H g)`, for the gradient g of the mean loss and its Hessian H.

    Without the weight :math:`g^T g` falls, to first order, by twice this: large ones stay. Wang,
    Zhang and Grosse, arXiv:2002.07376, equation 8; they prune the largest of its negative.

    Parameters
    ----------
    net, batches, rng
        As for every score. The batches are read twice.
    temperature
        Logits are divided by it; 200 in the paper's code.

    Examples
    --------
    >>> net = nn.Linear(2, 1, bias=False)  # loss w₁² / 2 + 3 w₂² / 2: score λ² w²
    >>> _ = net.weight.data.copy_(torch.tensor([[2.0, 1.0]]))
    >>> one = [(torch.eye(2), torch.tensor([1.0, 3.0]))]
    >>> batches = Batches(one, lambda f, y: (y * f[:, 0] ** 2).sum() / 2)
    >>> grasp(net, batches, temperature=1.0)["weight"].tolist()
    [[4.0, 9.0]]
    """
    batches = needed(batches, "grasp")
    with scored_copy(net, rng) as clone, twice_differentiable():
        weights = prunable(clone)
        drawn = torch.default_generator.get_state()
        total = [torch.zeros_like(weight) for weight in weights.values()]
        for share, gradients in _gradients(clone, batches, temperature, create_graph=False):
            total = [sum_ + share * g for sum_, g in zip(total, gradients, strict=True)]
        torch.default_generator.set_state(drawn)  # dropout drops the same again
        curved = [torch.zeros_like(weight) for weight in weights.values()]
        for share, gradients in _gradients(clone, batches, temperature, create_graph=True):
            pairs = zip(gradients, total, strict=True)
            along = torch.stack([(g * x).sum() for g, x in pairs]).sum()
            products = torch.autograd.grad(along, list(weights.values()), materialize_grads=True)
            curved = [sum_ + share * h for sum_, h in zip(curved, products, strict=True)]
        scored = zip(weights.items(), curved, strict=True)
        return {name: (weight * h).detach() for (name, weight), h in scored}


def _gradients(
    net: nn.Module, batches: Batches, temperature: float, *, create_graph: bool
) -> Iterator[tuple[float, tuple[Tensor, ...]]]:
    """Each batch's share of the samples and the gradient of its mean loss."""
    weights = list(prunable(net).values())
    for inputs, targets in batches:
        loss = batches.loss(net(inputs) / temperature, targets)
        yield (
            len(inputs) / batches.n_samples,
            torch.autograd.grad(loss, weights, create_graph=create_graph, materialize_grads=True),
        )
