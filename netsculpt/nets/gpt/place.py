"""A named place of an activation vector, where only its largest values may stay."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["Place"]


class Place(nn.Module):
    """Keeps the largest of the absolute values of each vector (AbsTopK), or all of them.

    Also where all pass, it is a layer of its own: what observes or replaces the activation there
    has something to hook into.

    >>> Place(2)(torch.tensor([[3.0, -1.0, 0.5, -4.0]]))
    tensor([[ 3.,  0.,  0., -4.]])
    """

    def __init__(self, n_kept: int | None) -> None:
        super().__init__()
        self.n_kept = n_kept

    def forward(self, activation: Tensor) -> Tensor:
        """Activation [..., channels], the smaller values of which are 0."""
        if self.n_kept is None:
            return activation
        largest = activation.abs().topk(self.n_kept, dim=-1, sorted=False).indices
        values = activation.gather(-1, largest)
        return torch.zeros_like(activation).scatter(-1, largest, values)

    def extra_repr(self) -> str:
        """How many stay."""
        return "all" if self.n_kept is None else str(self.n_kept)
