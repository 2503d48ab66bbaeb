"""A net that is only measured, and targets of its type."""

from __future__ import annotations

from contextlib import AbstractContextManager

from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from netsculpt.nets.copies import copy_of
from netsculpt.nets.masks import zero_pruned

__all__ = ["double", "frozen_copy", "twice_differentiable"]


def frozen_copy(net: nn.Module) -> nn.Module:
    """A copy in eval mode and float64 that learns nothing, and in which no layer works in place.

    >>> net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(inplace=True))
    >>> made = frozen_copy(net)
    >>> made[0].weight.dtype, made[1].inplace, net[1].inplace
    (torch.float64, False, True)
    """
    made = copy_of(net).double().eval().requires_grad_(False)
    zero_pruned(made)
    for layer in made.modules():
        if getattr(layer, "inplace", False):
            layer.inplace = False  # type: ignore[assignment]
    return made


def double(targets: Tensor) -> Tensor:
    """Targets of the type of the logits; class numbers stay as they are."""
    return targets.double() if targets.is_floating_point() else targets


def twice_differentiable() -> AbstractContextManager[None]:
    """Within it attention consists of operations that have second derivatives.

    >>> import torch
    >>> x = torch.ones(1, 2, 2, requires_grad=True)
    >>> with twice_differentiable():
    ...     loss = nn.functional.scaled_dot_product_attention(x, x, x).square().sum()
    ...     (first,) = torch.autograd.grad(loss, x, create_graph=True)
    ...     torch.autograd.grad(first.sum(), x)[0].shape
    torch.Size([1, 2, 2])
    """
    return sdpa_kernel(SDPBackend.MATH)  # the faster kernels have first ones only
