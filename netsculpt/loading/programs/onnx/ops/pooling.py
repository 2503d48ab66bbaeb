"""Pooling over windows and over all positions."""

from __future__ import annotations

from netsculpt.loading.programs.onnx.node import Node
from netsculpt.loading.programs.onnx.values import Value
from netsculpt.loading.programs.onnx.windows import Windows, windows

__all__ = ["OPS"]


def _max(node: Node) -> Value:
    given, at = _given(node)
    node.ignore("storage_order")  # of the indices, which nothing may take
    padding = at.before if at.symmetric else [0] * len(at.before)
    given = given if at.symmetric else at.padded(node, given, float("-inf"))
    name = f"max_pool{len(padding)}d"
    return node.emit(name, given, at.kernel, at.stride, padding, at.dilation)


def _average(node: Node) -> Value:
    given, at = _given(node)
    counted = bool(node.attribute("count_include_pad", 0))
    if any(step != 1 for step in at.dilation):
        raise node.refusal("it averages over dilated windows")
    padding = at.before if at.symmetric else [0] * len(at.before)
    if not at.symmetric:
        if not counted:
            raise node.refusal(
                f"it is padded by {at.before} before and {at.after} behind, which are left out of "
                "the means"
            )
        given = at.padded(node, given, 0)
    name = f"avg_pool{len(padding)}d"
    return node.emit(name, given, at.kernel, at.stride, padding, False, counted)


def _given(node: Node) -> tuple[Value, Windows]:
    given = node.input(0)
    at = windows(node, given, node.sizes("kernel_shape", None, least=1))
    if node.attribute("ceil_mode", 0) and not _agrees(given, at):
        raise node.refusal("its last window, kept by ceil_mode, lies half outside of what it takes")
    return given, at


def _agrees(given: Value, at: Windows) -> bool:
    """Whether rounding up gives no other windows than rounding down."""
    padded = [sum(x) for x in zip(given.shape[2:], at.before, at.after, strict=True)]
    return all(
        (size - span) % step == 0
        for size, span, step in zip(padded, at.reach, at.stride, strict=True)
    )


def _positions(node: Node) -> tuple[Value, list[int]]:
    given = node.input(0)
    if given.ndim < 3:
        raise node.refusal(f"it takes {list(given.shape)}, which has no positions")
    return given, list(range(2, given.ndim))


def _mean(node: Node) -> Value:
    return node.emit("mean", *_positions(node), True)


def _largest(node: Node) -> Value:
    return node.emit("amax", *_positions(node), True)


OPS = {
    "AveragePool": _average,
    "GlobalAveragePool": _mean,
    "GlobalMaxPool": _largest,
    "MaxPool": _max,
}
