"""Recognise products that are functions of one value: x σ(x) is SiLU.

Otherwise they would be a meeting of two activations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

from netsculpt.loading.programs.onnx.emitter import Emitter, Value

__all__ = ["gate"]

_DEPTH = 2  # depth of products within products


def gate(emitter: Emitter, one: Value, two: Value) -> tuple[str, Value] | None:
    """The function that a product is, and its argument; None if it is a plain product."""
    factors = [*_factors(emitter, one, _DEPTH), *_factors(emitter, two, _DEPTH)]
    numbers = [x for x in map(_number, factors) if x is not None]
    others = [x for x in factors if _number(x) is None]
    if len(others) != 2:
        return None
    scale = math.prod(numbers)
    for value, gated in (others, others[::-1]):
        for name, (factor, argument) in _GATES.items():
            inner = argument(emitter, gated)
            if math.isclose(scale, factor) and inner is not None and inner.name == value.name:
                return name, value
    return None


def _factors(emitter: Emitter, value: Value, depth: int) -> list[Value]:
    op, args = emitter.made_by(value)
    if op != "mul" or not depth or not all(isinstance(x, Value) for x in args):
        return [value]
    return [factor for x in args for factor in _factors(emitter, x, depth - 1)]


def _number(value: Value) -> float | None:
    return None if value.real is None or value.real.numel() != 1 else float(value.real)


def _argument(emitter: Emitter, value: Value, ops: Sequence[str]) -> Value | None:
    """The x of f(g(x)), if the operations f, g, … made the value."""
    for op in ops:
        name, args = emitter.made_by(value)
        if name != op or not isinstance(args[0], Value):
            return None
        value = args[0]
    return value


def _argument_of_erf(emitter: Emitter, value: Value) -> Value | None:
    """The x of 1 + erf(x / √2)."""
    whole = _with_number(emitter, "add", value, 1.0)
    inside = None if whole is None else _argument(emitter, whole, ["erf"])
    if inside is None:
        return None
    divided = _with_number(emitter, "div", inside, math.sqrt(2))
    return divided or _with_number(emitter, "mul", inside, math.sqrt(0.5))


def _with_number(emitter: Emitter, op: str, value: Value, number: float) -> Value | None:
    """The other operand of this operation with this number, if it made the value."""
    name, args = emitter.made_by(value)
    operands = [x for x in args if isinstance(x, Value)]
    if name != op or len(operands) != 2:
        return None
    for other, operand in (operands, operands[::-1])[: 1 if op == "div" else 2]:
        scalar = _number(operand)
        if scalar is not None and math.isclose(scalar, number, rel_tol=1e-3):  # also in float16
            return other
    return None


_GATES: dict[str, tuple[float, Callable[[Emitter, Value], Value | None]]] = {
    "gelu": (0.5, _argument_of_erf),
    "hardswish": (1.0, partial(_argument, ops=["hardsigmoid"])),
    "mish": (1.0, partial(_argument, ops=["tanh", "softplus"])),
    "silu": (1.0, partial(_argument, ops=["sigmoid"])),
}
