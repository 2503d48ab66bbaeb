"""A program run on numbers, in float64."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.program import Constant, Op, Program, Ref, refs

__all__ = ["Numbers", "given_to", "number", "outputs", "ran"]

Numbers = Callable[[str], Any]  # what stands for the value that is called so

_BY_SHAPE = {"view": "reshape", "_unsafe_view": "reshape"}  # what is rebuilt has its own strides


def ran(op: Op, of: Numbers) -> Any:
    """What an operation gives."""
    args, options = _filled((op.args, dict(op.options)), of)
    if op.name == "getitem":
        return operator.getitem(*args)
    return number(getattr(torch.ops.aten, _BY_SHAPE.get(op.name, op.name))(*args, **options))


def outputs(
    program: Program,
    shadows: Mapping[str, Any],
    inputs: Mapping[str, Tensor],
    instead: Callable[[Op, Numbers, Any], Any],
) -> list[Tensor]:
    """The net's outputs, where `instead` may give something else than an operation did."""
    values: dict[str, Any] = {name: number(x) for name, x in inputs.items()}
    left = program.uses.copy()

    def of(name: str) -> Any:
        return values[name] if name in values else number(shadows[name])

    for op in program.ops:
        if not _depends(shadows[op.output]):
            continue
        values[op.output] = instead(op, of, ran(op, of))
        for ref in refs((op.args, op.options)):
            left[ref.name] -= 1
            if not left[ref.name]:
                values.pop(ref.name, None)
    found = [of(x.name) if isinstance(x, Ref) else x for x in program.outputs]
    return [x for x in found if isinstance(x, Tensor)]


def number(given: Any) -> Any:
    """Constants without what masks prune, and floating-point numbers in float64."""
    if isinstance(given, Constant):
        value = given.value if given.keep is None else given.value.where(given.keep, 0)
        return number(value)
    if isinstance(given, Tensor):
        return given.double() if given.is_floating_point() else given
    if isinstance(given, list | tuple):
        return type(given)(number(x) for x in given)
    return given


def given_to(op: Op, shadows: Mapping[str, Any]) -> list[str]:
    """The activations that an operation takes, by name."""
    names = [ref.name for ref in refs((op.args, op.options))]
    return [name for name in names if isinstance(shadows[name], Activation)]


def _depends(shadow: Any) -> bool:
    if isinstance(shadow, list | tuple):
        return any(_depends(x) for x in shadow)
    return not isinstance(shadow, Constant | int | float | bool | None)


def _filled(given: Any, of: Numbers) -> Any:
    if isinstance(given, Ref):
        return of(given.name)
    if isinstance(given, Mapping):
        return {key: _filled(x, of) for key, x in given.items()}
    if isinstance(given, list | tuple):
        return type(given)(_filled(x, of) for x in given)
    return given
