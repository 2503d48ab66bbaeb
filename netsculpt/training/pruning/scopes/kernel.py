"""The weights between two channels together."""

from __future__ import annotations

from torch import Tensor

__all__ = ["kernel"]


def kernel(scores: Tensor) -> Tensor:
    """Sum over the taps of each kernel; of a matrix every weight for itself.

    >>> import torch
    >>> kernel(torch.ones(2, 3, 5, 5)).shape
    torch.Size([2, 3, 1, 1])
    """
    taps = tuple(range(2, scores.ndim))
    return scores.sum(dim=taps, keepdim=True) if taps else scores
