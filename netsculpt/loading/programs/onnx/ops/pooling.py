"""Pooling over windows, and over all positions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from netsculpt.loading.programs.onnx.emitter import Value
from netsculpt.loading.programs.onnx.node import OnnxNode
from netsculpt.loading.programs.onnx.windows import Windows, windows

__all__ = ["OPS"]


def _max(node: OnnxNode) -> Value:
    value, window = _window(node)
    node.ignore("storage_order")  # of the indices, which nothing can use
    value, padding = window.padded(node, value, float("-inf"))
    more = (window.kernel, window.stride, padding, window.dilation)
    return node.emit(f"max_pool{len(padding)}d", value, *more)


def _average(node: OnnxNode) -> Value:
    value, window = _window(node)
    counted = bool(node.attribute("count_include_pad", 0))
    if any(step != 1 for step in window.dilation):
        raise node.refusal("it averages over dilated windows")
    if not window.symmetric and not counted:
        raise node.refusal(
            f"it is padded by {window.before} before and {window.after} after, which its means "
            "leave out"
        )
    value, padding = window.padded(node, value, 0)
    more = (window.kernel, window.stride, padding, False, counted)
    return node.emit(f"avg_pool{len(padding)}d", value, *more)


def _window(node: OnnxNode) -> tuple[Value, Windows]:
    value = node.input(0)
    window = windows(node, value, node.sizes("kernel_shape", None, least=1))
    if node.attribute("ceil_mode", 0) and not _fits(value, window):
        raise node.refusal("its last window, kept by ceil_mode, is partly outside of its input")
    return value, window


def _fits(value: Value, window: Windows) -> bool:
    """Whether rounding up and rounding down make the same windows."""
    padded = [sum(x) for x in zip(value.shape[2:], window.before, window.after, strict=True)]
    return all(
        (size - span) % step == 0
        for size, span, step in zip(padded, window.reach, window.stride, strict=True)
    )


def _over_positions(op: str, node: OnnxNode) -> Value:
    value = node.input(0)
    if value.ndim < 3:
        raise node.refusal(f"it takes {list(value.shape)}, which has no positions")
    return node.emit(op, value, list(range(2, value.ndim)), True)


OPS: dict[str, Callable[[OnnxNode], Value]] = {
    "AveragePool": _average,
    "GlobalAveragePool": partial(_over_positions, "mean"),
    "GlobalMaxPool": partial(_over_positions, "amax"),
    "MaxPool": _max,
}
