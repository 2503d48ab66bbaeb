"""All weights that lead to a unit together."""

from __future__ import annotations

from torch import Tensor

__all__ = ["unit"]


def unit(scores: Tensor) -> Tensor:
    """Sum over the weights of each row, or of each channel's kernels.

    >>> import torch
    >>> unit(torch.ones(2, 3, 5, 5)).shape
    torch.Size([2, 1, 1, 1])
    """
    return scores.sum(dim=tuple(range(1, scores.ndim)), keepdim=True)
