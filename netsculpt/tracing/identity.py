"""Which elements of a program's values are the same number, because one is a copy of the other.

Operations that move elements are run on the elements' numbers; two values are the same if the same
operation makes them from the same arguments.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

import torch
from torch import Tensor

from netsculpt.tracing.program import Op, Program, Ref

__all__ = ["Copies", "copies", "same"]

_LIKE = {"expand_as": "expand", "reshape_as": "reshape", "view_as": "reshape"}


@dataclass(frozen=True, eq=False)
class Copies:
    """Elements of a value as copies of those of an earlier one."""

    of: str  # name of the earlier value
    elements: Tensor  # int64, of the value's shape: which of its elements


def copies(program: Program, name: str, moving: Container[str]) -> Copies | None:
    """A value as copies of the earliest one that it is made from by `moving` operations alone.

    None if the shape of that value is not known, as of one of several that an operation returns.

    Examples
    --------
    >>> op = Op("expand", (Ref("x"), [3, 2]), {}, "wide", (3, 2), "")
    >>> program = Program((op,), {}, {"x": (1, 2)}, (Ref("wide"),), frozenset())
    >>> copies(program, "wide", ("expand",)).elements.tolist()
    [[0, 1], [0, 1], [0, 1]]
    """
    path: list[Op] = []
    while (op := program.makers.get(name)) is not None and op.name in moving:
        first = op.args[0] if op.args else None
        if not isinstance(first, Ref) or (len(op.inputs) > 1 and op.name not in _LIKE):
            break
        path.append(op)
        name = first.name
    while path and path[-1].name == "getitem":
        name = path.pop().output  # of several values, the one that it takes
    maker = program.makers.get(name)
    shape = program.inputs.get(name) if maker is None else maker.shape
    if shape is None:
        return None
    elements = torch.arange(torch.Size(shape).numel()).view(shape)
    value: object = elements
    for op in reversed(path):
        value = _moved(op, value)
    return Copies(name, value) if isinstance(value, Tensor) else None


def _moved(op: Op, value: object) -> object:
    if op.name in _LIKE:
        assert isinstance(value, Tensor)
        return getattr(value, _LIKE[op.name])(op.shape)
    return op.run(lambda leaf: value if isinstance(leaf, Ref) else leaf)


def same(program: Program, one: str, two: str, moving: Container[str]) -> Tensor | None:
    """Where two values, broadcast together, have the same elements; None: nowhere known."""
    if program.numbers[one] == program.numbers[two]:
        shape = program.makers[one].shape if one in program.makers else program.inputs[one]
        return torch.ones(shape, dtype=torch.bool)
    left, right = (copies(program, x, moving) for x in (one, two))
    if left is None or right is None or program.numbers[left.of] != program.numbers[right.of]:
        return None
    return left.elements == right.elements
