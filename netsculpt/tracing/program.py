"""A net as a list of operations: what live nets and files alike are turned into.

Operations have the names and the arguments of ATen, without overloads, and change nothing in
place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from torch import Tensor

__all__ = ["Constant", "Op", "Program", "Ref", "refs"]


@dataclass(frozen=True)
class Ref:
    """The value that is called so."""

    name: str


@dataclass(frozen=True, eq=False)
class Op:
    """One operation."""

    name: str  # "linear", "conv2d", "add", …
    args: tuple[Any, ...]  # numbers, lists, `Ref`
    options: Mapping[str, Any]
    output: str  # the value that it gives
    shape: tuple[int, ...]  # of that value, or of the first if it is several
    layer: str  # of the net that calls it; "" is the net itself


@dataclass(frozen=True, eq=False)
class Constant:
    """A tensor that does not depend on the inputs."""

    value: Tensor
    keep: Tensor | None = None  # True = kept; None: what is not 0
    parameter: str | None = None  # name of the parameter that it is, or is made from
    is_mask: bool = False  # 0 or 1, and no weight: a buffer, frozen, or compared

    def changed(self, change: Callable[[Tensor], Tensor]) -> Constant:
        """With its entries moved, and its mask alike."""
        keep = None if self.keep is None else change(self.keep)
        return replace(self, value=change(self.value), keep=keep)


@dataclass(frozen=True, eq=False)
class Program:
    """Operations in the order in which they run."""

    ops: tuple[Op, ...]
    constants: Mapping[str, Constant]
    inputs: Mapping[str, tuple[int, ...]]  # shapes, batch first
    outputs: tuple[Any, ...]  # `Ref`, or a value that is always the same
    parameters: frozenset[str]  # every name, also of parameters that share a tensor
    one_path: bool = False  # whether the net branches on values, and this is what it did once

    @cached_property
    def uses(self) -> Counter[str]:
        """How often each value is taken."""
        taken = [ref.name for op in self.ops for ref in refs((op.args, op.options))]
        return Counter([*taken, *(ref.name for ref in refs(self.outputs))])

    def only_needed(self) -> Program:
        """One path, without the operations that only decide between branches."""
        needed, kept = {ref.name for ref in refs(self.outputs)}, []
        for op in reversed(self.ops):
            if op.output in needed:
                kept.append(op)
                needed.update(ref.name for ref in refs((op.args, op.options)))
        return replace(self, ops=tuple(kept[::-1]), one_path=True)

    @cached_property
    def taken(self) -> frozenset[str]:
        """Values that operations take."""
        return frozenset(ref.name for op in self.ops for ref in refs((op.args, op.options)))


def refs(given: Any) -> Iterator[Ref]:
    """Every `Ref` in nested arguments."""
    if isinstance(given, Ref):
        yield given
    elif isinstance(given, Mapping):
        yield from refs(tuple(given.values()))
    elif isinstance(given, list | tuple):
        for item in given:
            yield from refs(item)
