"""Arithmetic and comparison of two or more values."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce

from netsculpt.loading.programs.onnx.emitter import Value
from netsculpt.loading.programs.onnx.gates import gate
from netsculpt.loading.programs.onnx.node import OnnxNode, plain

__all__ = ["OPS"]

_TWO = {
    "Add": "add",
    "And": "logical_and",
    "Equal": "eq",
    "Greater": "gt",
    "GreaterOrEqual": "ge",
    "Less": "lt",
    "LessOrEqual": "le",
    "Or": "logical_or",
    "Sub": "sub",
    "Xor": "logical_xor",
}
_SEVERAL = {"Max": "maximum", "Min": "minimum", "Sum": "add"}


def _several(op: str, node: OnnxNode) -> Value:
    values = [node.input(index) for index in range(len(node.inputs))]
    clamp = {"maximum": "clamp_min", "minimum": "clamp_max"}.get(op)
    if clamp and len(values) == 2 and not values[0].constant and values[1].shape == ():
        return node.emit(clamp, values[0], node.number(1))
    return reduce(lambda one, two: node.emit(op, one, two), values)


def _mean(node: OnnxNode) -> Value:
    return node.emit("div", _several("add", node), float(len(node.inputs)))


def _product(node: OnnxNode) -> Value:
    one, two = node.input(0), node.input(1)
    function = gate(node.emitter, one, two)
    return node.emit("mul", one, two) if function is None else node.emit(*function)


def _quotient(node: OnnxNode) -> Value:
    one, two = node.input(0), node.input(1)
    if one.meta.is_floating_point():
        return node.emit("div", one, two)
    return node.emit("div", one, two, rounding_mode="trunc")


def _power(node: OnnxNode) -> Value:
    exponent = node.input(1)
    if exponent.real is not None and exponent.real.numel() == 1 and exponent.ndim == 0:
        return node.emit("pow", node.input(0), node.number(1))
    return node.emit("pow", node.input(0), exponent)


def _remainder(node: OnnxNode) -> Value:
    op = "fmod" if node.attribute("fmod", 0) else "remainder"
    return node.emit(op, node.input(0), node.input(1))


OPS: dict[str, Callable[[OnnxNode], Value]] = {
    **{name: plain(op, 2) for name, op in _TWO.items()},
    **{name: partial(_several, op) for name, op in _SEVERAL.items()},
    "Div": _quotient,
    "Mean": _mean,
    "Mod": _remainder,
    "Mul": _product,
    "Pow": _power,
    "Where": plain("where", 3),
}
