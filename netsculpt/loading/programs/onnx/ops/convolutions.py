"""Convolutions, plain and transposed."""

from __future__ import annotations

from netsculpt.loading.programs.onnx.emitter import Value
from netsculpt.loading.programs.onnx.node import OnnxNode
from netsculpt.loading.programs.onnx.windows import windows

__all__ = ["OPS"]


def _conv(node: OnnxNode) -> Value:
    value, weight, bias = node.input(0), node.input(1), node.optional(2)
    window = windows(node, value, _kernel(node, weight))
    groups = node.attribute("group", 1)
    value, padding = window.padded(node, value, 0)
    more = (window.stride, padding, window.dilation, groups)
    return node.emit(f"conv{len(padding)}d", value, weight, bias, *more)


def _transposed(node: OnnxNode) -> Value:
    value, weight, bias = node.input(0), node.input(1), node.optional(2)
    if node.attribute("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise node.refusal("its padding depends on the size of its output")
    window = windows(node, value, _kernel(node, weight))
    n = len(window.kernel)
    extra = node.sizes("output_padding", [0] * n)
    if node.attribute("output_shape") is not None:
        raise node.refusal("its padding depends on its output_shape")
    groups = node.attribute("group", 1)
    padding = window.before if window.symmetric else [0] * n
    more = (window.stride, padding, extra, groups, window.dilation)
    output: Value = node.emit(f"conv_transpose{n}d", value, weight, bias, *more)
    if window.symmetric:
        return output
    for axis, (before, after) in enumerate(zip(window.before, window.after, strict=True), start=2):
        output = node.emit("slice", output, axis, before, output.shape[axis] - after)
    return output


def _kernel(node: OnnxNode, weight: Value) -> list[int]:
    kernel = list(weight.shape[2:])
    if node.sizes("kernel_shape", kernel, least=1) != kernel:
        raise node.refusal(f"its kernel_shape is not that of its weight, {kernel}")
    return kernel


OPS = {"Conv": _conv, "ConvTranspose": _transposed}
