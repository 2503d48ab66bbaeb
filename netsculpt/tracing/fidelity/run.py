"""Run a program on numbers: in float64, or in the net's own types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.program import Constant, Op, Program, Ref, filled, leaves, mapped

__all__ = ["Numbers", "activations_of", "kept", "number", "outputs", "ran"]

Numbers = Callable[[str], Any]  # the number, or tensor, of the value of that name


def ran(op: Op, numbers: Numbers) -> Any:
    """The value of an operation."""
    return number(op.run(lambda leaf: numbers(leaf.name) if isinstance(leaf, Ref) else leaf))


def outputs(
    program: Program,
    shadows: Mapping[str, Any],
    inputs: Mapping[str, Tensor],
    instead: Callable[[Op, Numbers, Any], Any] | None = None,
    *,
    typed: Callable[[Any], Any],
) -> list[Tensor]:
    """The net's outputs, where `instead` may replace the value of an operation.

    `typed` is `number`, for float64, or `kept`, for the net's own types.
    """
    values: dict[str, Any] = {name: typed(x) for name, x in inputs.items()}
    left = program.uses.copy()

    def numbers(name: str) -> Any:
        return values[name] if name in values else typed(shadows[name])

    for op in program.ops:
        known = not any(isinstance(x, Activation) for x in leaves(shadows[op.output]))
        if known and not any(name in values for name in op.inputs):
            continue  # else it is run: of masks that are inputs, a shadow has the constant part
        value = typed(op.run(lambda leaf: numbers(leaf.name) if isinstance(leaf, Ref) else leaf))
        values[op.output] = value if instead is None else instead(op, numbers, value)
        for name in op.inputs:
            left[name] -= 1
            if not left[name]:
                values.pop(name, None)
    return [x for x in filled(program.outputs, numbers) if isinstance(x, Tensor)]


def kept(values: Any) -> Any:
    """Constants without what masks prune, in their own types."""
    return mapped(values, lambda x: _unpruned(x) if isinstance(x, Constant) else x)


def number(values: Any) -> Any:
    """Constants without what masks prune, and floating-point numbers in float64."""
    return mapped(values, _number)


def _number(value: Any) -> Any:
    value = _unpruned(value) if isinstance(value, Constant) else value
    is_float = isinstance(value, Tensor) and value.is_floating_point()
    return value.double() if is_float else value


def _unpruned(constant: Constant) -> Tensor:
    return constant.value if constant.keep is None else constant.value.where(constant.keep, 0)


def activations_of(op: Op, shadows: Mapping[str, Any]) -> list[str]:
    """Names of the activations that an operation takes."""
    return [name for name in op.inputs if isinstance(shadows[name], Activation)]
