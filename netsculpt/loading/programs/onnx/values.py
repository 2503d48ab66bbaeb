"""Tensors of a program in the making, and operations' arguments that hold them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from netsculpt.tracing.program import Ref

__all__ = ["Value", "referring", "replaced", "values_in"]


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor of the program."""

    name: str
    meta: Tensor  # its shape and type, without data
    constant: bool  # whether it is the same for all inputs
    real: Tensor | None = None  # its data, if it is constant and known by now

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes, batch first if it is an activation."""
        return tuple(self.meta.shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.meta.ndim


def referring(given: Any) -> Any:
    """Nested arguments with references in place of values."""
    return replaced(given, lambda value: Ref(value.name))


def replaced(given: Any, of: Callable[[Value], Any]) -> Any:
    """Nested arguments with something of each value in its place."""
    if isinstance(given, Value):
        return of(given)
    if isinstance(given, Mapping):
        return {key: replaced(x, of) for key, x in given.items()}
    if isinstance(given, list | tuple):
        return type(given)(replaced(x, of) for x in given)
    return given


def values_in(given: Any) -> list[Value]:
    """Every value in nested arguments."""
    if isinstance(given, Value):
        return [given]
    items = list(given.values()) if isinstance(given, Mapping) else given
    return [x for y in items for x in values_in(y)] if isinstance(items, list | tuple) else []
