"""How the loss would change without a weight, to second order, without draws."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from netsculpt.nets.frozen import double, frozen_copy, twice_differentiable
from netsculpt.nets.prunable import prunable
from netsculpt.training.fitting.batches import Batches

__all__ = ["obd_exact"]


def obd_exact(net: nn.Module, batches: Batches) -> dict[str, Tensor]:
    r"""Signed :math:`-w g + \tfrac12 w^2 h_{ww}` with the exact diagonal of the Hessian.

    A product with the Hessian for each weight: for nets of some thousand. In eval mode and float64.
    `netsculpt.training.pruning.scores.obd` estimates the diagonal.

    >>> net = nn.Linear(2, 1, bias=False)
    >>> _ = net.weight.data.copy_(torch.tensor([[2.0, 4.0]]))
    >>> one = [(torch.ones(3, 2), torch.full((3, 1), 6.0))]
    >>> obd_exact(net, Batches(one, nn.functional.mse_loss))["weight"].tolist()
    [[4.0, 16.0]]
    """
    made = frozen_copy(net)
    weights = prunable(made)
    for weight in weights.values():
        weight.requires_grad_(True)
    found = {name: torch.zeros_like(x.data) for name, x in weights.items()}
    with torch.enable_grad(), twice_differentiable():
        for inputs, targets in batches:
            loss = batches.loss(made(inputs.double()), double(targets))
            loss = loss * (len(inputs) / batches.n_samples)
            gradients = torch.autograd.grad(
                loss, list(weights.values()), create_graph=True, materialize_grads=True
            )
            for (name, weight), gradient in zip(weights.items(), gradients, strict=True):
                diagonal = _diagonal(gradient, weight)
                found[name] += weight.data**2 * diagonal / 2 - (weight * gradient).detach()
    return found


def _diagonal(gradient: Tensor, weight: Tensor) -> Tensor:
    """Derivative of each entry of a gradient by its own weight."""
    if not gradient.requires_grad:  # the loss is linear in all weights
        return torch.zeros_like(gradient)
    flat = gradient.flatten()
    entries = [
        torch.autograd.grad(x, weight, retain_graph=True, materialize_grads=True)[0].flatten()[n]
        for n, x in enumerate(flat)
    ]
    return torch.stack(entries).view_as(gradient).detach()
