"""Operations that change a tensor's shape, and those that ask for it."""

from __future__ import annotations

import math

import numpy as np
import torch

from netsculpt.loading.programs.onnx.node import Node
from netsculpt.loading.programs.onnx.values import Value

__all__ = ["OPS"]


def _shape(node: Node) -> Value:
    given = node.input(0)
    bounds = slice(node.attribute("start", 0), node.attribute("end"))
    return node.constant(list(given.shape)[bounds], torch.int64)


def _size(node: Node) -> Value:
    return node.constant(math.prod(node.input(0).shape), torch.int64)


def _reshape(node: Node) -> Value:
    given, wanted = node.input(0), node.numbers(1)
    if not node.attribute("allowzero", 0):
        if any(size == 0 for size in wanted[given.ndim :]):
            raise node.refusal(f"it makes {list(given.shape)} into {wanted}")
        wanted = [given.shape[at] if size == 0 else size for at, size in enumerate(wanted)]
    return node.emit("reshape", given, wanted)


def _flatten(node: Node) -> Value:
    given, axis = node.input(0), node.attribute("axis", 1)
    if axis != given.ndim:
        axis = node.axis(axis, given.ndim)
    front, back = given.shape[:axis], given.shape[axis:]
    return node.emit("reshape", given, [math.prod(front), math.prod(back)])


def _squeeze(node: Node) -> Value:
    given, axes = node.input(0), _axes(node)
    if axes is None:
        if not given.constant:
            raise node.refusal("it names no axes, so a batch of one would be lost")
        axes = [at for at, size in enumerate(given.shape) if size == 1]
    axes = [node.axis(axis, given.ndim) for axis in axes]
    if any(given.shape[axis] != 1 for axis in axes):
        raise node.refusal(f"it drops axes {axes} of {list(given.shape)}, which are not all 1")
    return node.emit("squeeze", given, axes)


def _unsqueeze(node: Node) -> Value:
    given, axes = node.input(0), _axes(node)
    if axes is None:
        raise node.refusal("it names no axes")
    ndim = given.ndim + len(axes)
    for axis in sorted(node.axis(axis, ndim) for axis in axes):
        given = node.emit("unsqueeze", given, axis)
    return given


def _axes(node: Node) -> list[int] | None:
    if node.opset >= 13:
        return None if node.optional(1) is None else node.numbers(1)
    axes: list[int] | None = node.attribute("axes")
    return axes


def _transpose(node: Node) -> Value:
    given = node.input(0)
    return node.emit("permute", given, node.attribute("perm", list(range(given.ndim))[::-1]))


def _expand(node: Node) -> Value:
    given = node.input(0)
    wanted = np.broadcast_shapes(given.shape, tuple(node.numbers(1)))
    return node.emit("expand", given, list(wanted))


def _tile(node: Node) -> Value:
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
