"""What is kept or pruned together: ``(scores [out, in, …]) -> scores`` that broadcast to them."""

from __future__ import annotations

from torch import Tensor

__all__ = ["kernel", "unit", "weight"]
__dir__ = __all__.copy


def kernel(scores: Tensor) -> Tensor:
    """Sum over the taps of each kernel; the weights of a matrix stay as they are.

    >>> import torch
    >>> kernel(torch.ones(2, 3, 5, 5)).shape
    torch.Size([2, 3, 1, 1])
    """
    taps = tuple(range(2, scores.ndim))
    return scores.sum(dim=taps, keepdim=True) if taps else scores


def unit(scores: Tensor) -> Tensor:
    """Sum over the weights of each row, or of each channel's kernels.

    >>> import torch
    >>> unit(torch.ones(2, 3, 5, 5)).shape
    torch.Size([2, 1, 1, 1])
    """
    return scores.sum(dim=tuple(range(1, scores.ndim)), keepdim=True)


def weight(scores: Tensor) -> Tensor:
    """The scores as they are.

    >>> import torch
    >>> weight(torch.ones(2, 3, 5, 5)).shape
    torch.Size([2, 3, 5, 5])
    """
    return scores
