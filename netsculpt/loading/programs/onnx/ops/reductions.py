"""Means, sums and extremes along axes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from netsculpt.loading.programs.onnx.node import Node
from netsculpt.loading.programs.onnx.values import Value

__all__ = ["OPS"]

_NAMES = {"ReduceMax": "amax", "ReduceMean": "mean", "ReduceMin": "amin", "ReduceSum": "sum"}


def _reduced(op: str, node: Node) -> Value:
    given = node.input(0)
    by_input = node.opset >= (13 if op == "sum" else 18)
    axes = _axes(node) if by_input else node.attribute("axes")
    keep = bool(node.attribute("keepdims", 1))
    if not axes:
        if node.attribute("noop_with_empty_axes", 0):
            return given
        axes = list(range(given.ndim))
    return node.emit(op, given, [node.axis(axis, given.ndim) for axis in axes], keep)


def _axes(node: Node) -> list[int]:
    node.ignore("noop_with_empty_axes")
    return [] if node.optional(1) is None else node.numbers(1)


OPS: dict[str, Callable[[Node], Value]] = {
    name: partial(_reduced, op) for name, op in _NAMES.items()
}
