"""Convolutions, transposed ones too."""

from __future__ import annotations

from netsculpt.loading.programs.onnx.node import Node
from netsculpt.loading.programs.onnx.values import Value
from netsculpt.loading.programs.onnx.windows import windows

__all__ = ["OPS"]


def _conv(node: Node) -> Value:
    given, weight, bias = node.input(0), node.input(1), node.optional(2)
    at = windows(node, given, _kernel(node, weight))
    groups = node.attribute("group", 1)
    padding = at.before if at.symmetric else [0] * len(at.before)
    given = given if at.symmetric else at.padded(node, given, 0)
    name = f"conv{len(padding)}d"
    return node.emit(name, given, weight, bias, at.stride, padding, at.dilation, groups)


def _transposed(node: Node) -> Value:
    given, weight, bias = node.input(0), node.input(1), node.optional(2)
    if node.attribute("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise node.refusal("its padding depends on the size of what it gives")
    at = windows(node, given, _kernel(node, weight))
    n = len(at.kernel)
    extra = node.sizes("output_padding", [0] * n)
    if node.attribute("output_shape") is not None:
        raise node.refusal("its padding depends on the output_shape that it is given")
    groups = node.attribute("group", 1)
    padding = at.before if at.symmetric else [0] * n
    more = (padding, extra, groups, at.dilation)
    found: Value = node.emit(f"conv_transpose{n}d", given, weight, bias, at.stride, *more)
    if at.symmetric:
        return found
    for axis, (before, after) in enumerate(zip(at.before, at.after, strict=True), start=2):
        found = node.emit("slice", found, axis, before, found.shape[axis] - after)
    return found


def _kernel(node: Node, weight: Value) -> list[int]:
    kernel = list(weight.shape[2:])
    if node.sizes("kernel_shape", kernel, least=1) != kernel:
        raise node.refusal(f"its kernel_shape is not that of its weight, {kernel}")
    return kernel


OPS = {"Conv": _conv, "ConvTranspose": _transposed}
