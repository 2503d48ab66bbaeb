"""Exactly so many of each row."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["highest_of_rows"]


def highest_of_rows(
    scores: Tensor, counts: Tensor, *, generator: torch.Generator | None = None
) -> Tensor:
    """Mask of the `counts[r]` highest scores of each row r [R, C]; among equals, random ones.

    >>> highest_of_rows(torch.tensor([[3.0, 1.0, 2.0], [1.0, 2.0, 3.0]]), torch.tensor([2, 0]))
    tensor([[ True, False,  True],
            [False, False, False]])
    """
    most = int(counts.max()) if len(counts) else 0
    order = torch.randperm(scores.shape[1], generator=generator).to(scores.device)
    chosen = order[scores[:, order].topk(most).indices]
    taken = torch.arange(most, device=scores.device) < counts[:, None]
    mask = torch.zeros(scores.shape, dtype=torch.bool, device=scores.device)
    return mask.scatter_(1, chosen, taken)
