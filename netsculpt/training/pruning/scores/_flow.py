"""What flows through a net of positive weights when all inputs are 1."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from netsculpt.nets.copies import copy_of
from netsculpt.nets.prunable import prunable

__all__ = ["flow_scores"]


def flow_scores(
    net: nn.Module, example: Tensor, positive: Callable[[Tensor], Tensor]
) -> dict[str, Tensor]:
    r"""Scores :math:`\theta \cdot \partial R / \partial \theta` for θ = `positive` of the weights.

    R is the sum of the outputs for an input of ones, in eval mode and float64, without biases;
    factors of norms enter with their absolute values. With ReLUs every layer's scores sum to R.
    """
    clone = copy_of(net).eval().double()
    weights = prunable(clone)
    ids = {id(weight) for weight in weights.values()}
    with torch.no_grad():
        for parameter in clone.parameters():
            if id(parameter) in ids:
                parameter.copy_(positive(parameter))
                parameter.requires_grad_(True)
        for layer in clone.modules():
            for leaf, tensor in (
                *layer.named_parameters(recurse=False),
                *layer.named_buffers(recurse=False),
            ):
                if "bias" in leaf or leaf == "running_mean":
                    tensor.zero_()
                elif id(tensor) not in ids and tensor.is_floating_point():
                    tensor.abs_()
    with torch.enable_grad():
        flow = clone(torch.ones_like(example, dtype=torch.float64)).sum()
        gradients = torch.autograd.grad(flow, list(weights.values()), materialize_grads=True)
    pairs = zip(weights.items(), gradients, strict=True)
    return {name: (weight * gradient).detach() for (name, weight), gradient in pairs}
