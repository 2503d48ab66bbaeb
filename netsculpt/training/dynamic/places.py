"""Flat indices of tensors, whatever their layout in memory."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["places", "put"]


def places(mask: Tensor) -> Tensor:
    """Flat indices of what is True, ascending; int64.

    >>> places(torch.eye(2) > 0).tolist()
    [0, 3]
    """
    return mask.reshape(-1).nonzero().squeeze(1)


def put(tensor: Tensor, indices: Tensor, values: Tensor | bool | float) -> None:
    """Set entries in place, also those of a weight that is channels-last.

    >>> mask = torch.zeros(2, 2, dtype=torch.bool)
    >>> put(mask, torch.tensor([1, 2]), True)
    >>> mask.tolist()
    [[False, True], [True, False]]
    """
    if not isinstance(values, Tensor):
        values = torch.full(indices.shape, values, dtype=tensor.dtype, device=tensor.device)
    tensor.put_(indices, values.to(tensor))
