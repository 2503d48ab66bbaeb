"""Means, sums and extremes along axes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from netsculpt.loading.programs.onnx.emitter import Value
from netsculpt.loading.programs.onnx.node import OnnxNode

__all__ = ["OPS"]

_NAMES = {"ReduceMax": "amax", "ReduceMean": "mean", "ReduceMin": "amin", "ReduceSum": "sum"}


def _reduced(op: str, node: OnnxNode) -> Value:
    value, since = node.input(0), 13 if op == "sum" else 18
    axes = node.setting("axes", 1, since=since)
    keep = bool(node.attribute("keepdims", 1))
    if node.attribute("noop_with_empty_axes", 0) and not axes:
        return value
    axes = axes or list(range(value.ndim))
    return node.emit(op, value, [node.axis(axis, value.ndim) for axis in axes], keep)


OPS: dict[str, Callable[[OnnxNode], Value]] = {
    name: partial(_reduced, op) for name, op in _NAMES.items()
}
