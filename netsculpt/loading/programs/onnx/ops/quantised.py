"""Weights and activations of whole numbers, next to their scale and zero point.

A weight is (x − zero point) · scale. Of activations only the scale matters for edges: it divides
where they are rounded, and multiplies where they are read again. Rounding connects no units.
"""

from __future__ import annotations

from torch import Tensor

from netsculpt.loading.programs.onnx.emitter import Value
from netsculpt.loading.programs.onnx.node import OnnxNode
from netsculpt.tracing.program import Constant

__all__ = ["OPS"]


def _dequantised(node: OnnxNode) -> Value:
    value = node.input(0)
    if value.real is None:
        node.ignore("axis", "block_size", 2)
        return node.emit("mul", value, _number(node))
    scale = _spread(node, node.data(1).double(), value)
    zero = 0 if node.optional(2) is None else _spread(node, node.data(2).double(), value)
    weight = (value.real.double() - zero) * scale
    parameter = node.emitter.parameter(value) or node.name
    return node.emitter.constant(Constant(weight.to(node.data(1).dtype), None, parameter))


def _quantised(node: OnnxNode) -> Value:
    node.ignore("axis", "saturate", "block_size", "output_dtype", "precision", 2)
    return node.emit("div", node.input(0), _number(node))


def _number(node: OnnxNode) -> float:
    scale = node.data(1)
    if scale.numel() != 1:
        raise node.refusal("its activations have a scale for each channel: one scale is needed")
    return float(scale)


def _spread(node: OnnxNode, numbers: Tensor, value: Value) -> Tensor:
    """One number for all, for each index along an axis, or for each block along it."""
    axis, block = node.attribute("axis", 1), node.attribute("block_size", 0)
    if numbers.numel() == 1:
        return numbers.reshape(())
    axis = node.axis(axis, value.ndim)
    if block:
        spread = numbers.repeat_interleave(block, dim=axis)
        if spread.ndim != value.ndim or spread.shape[axis] < value.shape[axis]:
            raise node.refusal(f"blocks of {block} do not cover its {list(value.shape)}")
        return spread.narrow(axis, 0, value.shape[axis])
    if numbers.shape != (value.shape[axis],):
        raise node.refusal(f"its scale is {list(numbers.shape)} for {list(value.shape)}")
    return numbers.reshape([-1 if dim == axis else 1 for dim in range(value.ndim)])


OPS = {"DequantizeLinear": _dequantised, "QuantizeLinear": _quantised}
