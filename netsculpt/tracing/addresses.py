"""Where the entries of a tensor are stored: what identifies a scalar, however it is moved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

__all__ = ["NOWHERE", "Addresses", "Stored", "addresses", "is_view", "may_repeat", "memory_of"]

NOWHERE = -1  # the address of an entry that is not a stored scalar


@dataclass(frozen=True, eq=False)
class Addresses:
    """The addresses of what the entries of a tensor are copies of."""

    places: Tensor  # int64, of the tensor's shape, in bytes
    memory: tuple[Tensor, ...]  # tensors that are in that memory

    @property
    def shape(self) -> torch.Size:
        """The shape of the tensor of copies."""
        return self.places.shape

    def changed(self, change: Callable[[Tensor], Tensor]) -> Addresses:
        """The addresses moved as their entries are."""
        return replace(self, places=change(self.places))


Stored = Tensor | Addresses


def addresses(stored: Stored) -> Tensor:
    """The address of each entry, int64 of its shape.

    >>> first, last = addresses(torch.zeros(2, dtype=torch.float64)).tolist()
    >>> last - first
    8
    """
    if isinstance(stored, Addresses):
        return stored.places
    total = torch.full((1,) * stored.ndim, stored.data_ptr(), dtype=torch.int64)
    for dim, (size, stride) in enumerate(zip(stored.shape, stored.stride(), strict=True)):
        step = torch.arange(size) * (stride * stored.element_size())
        total = total + step.view([-1 if x == dim else 1 for x in range(stored.ndim)])
    return total


def memory_of(stored: Stored) -> tuple[Tensor, ...]:
    """Tensors in the memory that entries are stored in."""
    return stored.memory if isinstance(stored, Addresses) else (stored,)


def may_repeat(stored: Stored) -> bool:
    """Whether entries may be copies of one another: moved ones, or those of an expanded view."""
    return isinstance(stored, Addresses) or 0 in stored.stride()


def is_view(value: Tensor, stored: Stored) -> bool:
    """Whether a tensor is in the same memory as another one."""
    if isinstance(stored, Addresses):
        return False
    return value.untyped_storage().data_ptr() == stored.untyped_storage().data_ptr()
