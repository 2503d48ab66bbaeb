"""Which weights may come: ``(before, after) -> bool Tensor``, masks before and after the drop."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["not_active", "not_kept"]
__dir__ = __all__.copy


def not_active(before: Tensor, after: Tensor) -> Tensor:  # noqa: ARG001
    """Weights that were not in the mask: what was dropped now does not return now.

    >>> not_active(torch.tensor([True, False]), torch.tensor([False, False]))
    tensor([False,  True])
    """
    return torch.logical_not(before)


def not_kept(before: Tensor, after: Tensor) -> Tensor:  # noqa: ARG001
    """Weights that are not in the mask: what was dropped now may return, with its value.

    So do RigL, ITOP, GraNet and CHT.

    >>> not_kept(torch.tensor([True, False]), torch.tensor([False, False]))
    tensor([True, True])
    """
    return torch.logical_not(after)
