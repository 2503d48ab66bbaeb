"""What a schedule takes and gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Number"]

Number = TypeVar("Number", float, "Tensor")
