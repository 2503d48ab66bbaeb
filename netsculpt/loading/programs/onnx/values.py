"""The values of a program while it is being built."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

__all__ = ["Value"]


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor of the program."""

    name: str
    meta: Tensor  # its shape and type, without data
    constant: bool  # whether it is the same for all inputs
    real: Tensor | None = None  # its data, if it is constant and computed

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes, batch first if it is an activation."""
        return tuple(self.meta.shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.meta.ndim
