"""Operations that change a tensor's shape, or return it."""

from __future__ import annotations

import math

import numpy as np
import torch

from netsculpt.loading.programs.onnx.emitter import Value
from netsculpt.loading.programs.onnx.node import OnnxNode

__all__ = ["OPS"]


def _shape(node: OnnxNode) -> Value:
    value = node.input(0)
    bounds = slice(node.attribute("start", 0), node.attribute("end"))
    return node.constant(list(value.shape)[bounds], torch.int64)


def _size(node: OnnxNode) -> Value:
    return node.constant(math.prod(node.input(0).shape), torch.int64)


def _reshape(node: OnnxNode) -> Value:
    value, target = node.input(0), node.numbers(1)
    if not node.attribute("allowzero", 0):
        if any(size == 0 for size in target[value.ndim :]):
            raise node.refusal(f"it reshapes {list(value.shape)} to {target}")
        target = [value.shape[axis] if size == 0 else size for axis, size in enumerate(target)]
    return node.emit("reshape", value, target)


def _flatten(node: OnnxNode) -> Value:
    value, axis = node.input(0), node.attribute("axis", 1)
    if axis != value.ndim:
        axis = node.axis(axis, value.ndim)
    front, back = value.shape[:axis], value.shape[axis:]
    return node.emit("reshape", value, [math.prod(front), math.prod(back)])


def _squeeze(node: OnnxNode) -> Value:
    value, axes = node.input(0), node.setting("axes", 1, since=13)
    if axes is None:
        if not value.constant:
            raise node.refusal("it names no axes, so a batch of one would be lost")
        axes = [axis for axis, size in enumerate(value.shape) if size == 1]
    axes = [node.axis(axis, value.ndim) for axis in axes]
    if any(value.shape[axis] != 1 for axis in axes):
        raise node.refusal(f"it drops axes {axes} of {list(value.shape)}, which are not all 1")
    return node.emit("squeeze", value, axes)


def _unsqueeze(node: OnnxNode) -> Value:
    value, axes = node.input(0), node.setting("axes", 1, since=13)
    if axes is None:
        raise node.refusal("it names no axes")
    ndim = value.ndim + len(axes)
    for axis in sorted(node.axis(axis, ndim) for axis in axes):
        value = node.emit("unsqueeze", value, axis)
    return value


def _transpose(node: OnnxNode) -> Value:
    value = node.input(0)
    return node.emit("permute", value, node.attribute("perm", list(range(value.ndim))[::-1]))


def _expand(node: OnnxNode) -> Value:
    value = node.input(0)
    target = np.broadcast_shapes(value.shape, tuple(node.numbers(1)))
    return node.emit("expand", value, list(target))


def _tile(node: OnnxNode) -> Value:
    return node.emit("repeat", node.input(0), node.numbers(1))


OPS = {
    "Expand": _expand,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Shape": _shape,
    "Size": _size,
    "Squeeze": _squeeze,
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
