"""Operations that join tensors or take them apart."""

from __future__ import annotations

import math
from collections.abc import Callable

from netsculpt.loading.programs.onnx.emitter import Value
from netsculpt.loading.programs.onnx.node import OnnxNode

__all__ = ["OPS"]

_MOST_PICKED = 4096  # most single slices of an activation


def _concat(node: OnnxNode) -> Value:
    values = [node.input(index) for index in range(len(node.inputs))]
    axis = node.axis(node.attribute("axis", 1), values[0].ndim)
    return values[0] if len(values) == 1 else node.emit("cat", values, axis)


def _split(node: OnnxNode) -> tuple[Value, ...]:
    value = node.input(0)
    axis = node.axis(node.attribute("axis", 0), value.ndim)
    size = value.shape[axis]
    sizes = node.setting("split", 1, since=13)
    parts = node.attribute("num_outputs", node.n_outputs)
    if sizes is None:
        if node.opset < 18 and size % parts:
            raise node.refusal(f"it splits {size} elements into {parts} parts")
        each = -(-size // parts)
        sizes = [each] * (parts - 1) + [size - each * (parts - 1)]
    return node.emit_all("split_with_sizes", value, sizes, axis)


def _slice(node: OnnxNode) -> Value:
    value = node.input(0)
    if node.opset < 10:
        starts, ends = node.attribute("starts", []), node.attribute("ends", [])
        axes, steps = node.attribute("axes"), None
    else:
        starts, ends = node.numbers(1), node.numbers(2)
        axes, steps = node.optional_numbers(3), node.optional_numbers(4)
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise node.refusal(f"it slices {starts} to {ends} along axes {axes} by steps {steps}")
    for begin, end, along, step in zip(starts, ends, axes, steps, strict=True):
        axis = node.axis(along, value.ndim)
        indices = range(value.shape[axis])[begin:end:step]
        value = node.emit("slice", value, axis, *_ascending(indices))
        value = node.emit("flip", value, [axis]) if step < 0 else value
    return value


def _ascending(indices: range) -> tuple[int, int, int]:
    """First, last + 1 and step of the same indices in ascending order."""
    if not indices:
        return 0, 0, 1
    first, last = sorted((indices[0], indices[-1]))
    return first, last + 1, abs(indices.step)


def _gather(node: OnnxNode) -> Value:
    value, index = node.input(0), node.input(1)
    axis = node.axis(node.attribute("axis", 0), value.ndim)
    if not index.constant:
        if not value.constant or value.ndim != 2 or axis != 0:
            raise node.refusal("its indices depend on the net's inputs")
        return node.emit("embedding", value, index)
    size = value.shape[axis]
    data = node.data(1)
    indices = [x + size if x < 0 else x for x in data.reshape(-1).tolist()]
    if any(not 0 <= x < size for x in indices):
        raise node.refusal(f"its indices are out of range for {size} along axis {axis}")
    if data.ndim == 0:
        return node.emit("select", value, axis, indices[0])
    picked = _picked(node, value, axis, indices)
    if data.ndim == 1:
        return picked
    shape = [*value.shape[:axis], *data.shape, *value.shape[axis + 1 :]]
    return node.emit("reshape", picked, shape)


def _picked(node: OnnxNode, value: Value, axis: int, indices: list[int]) -> Value:
    if indices and indices == list(range(indices[0], indices[0] + len(indices))):
        return node.emit("slice", value, axis, indices[0], indices[-1] + 1)
    if value.constant:
        return node.emit("index_select", value, axis, node.constant(indices))
    if not 0 < len(indices) <= _MOST_PICKED:
        raise node.refusal(f"it picks {len(indices)} indices one by one")
    parts = [node.emit("slice", value, axis, x, x + 1) for x in indices]
    return node.emit("cat", parts, axis)


def _depth_to_space(node: OnnxNode) -> Value:
    value, size = node.input(0), node.attribute("blocksize", 1)
    if node.attribute("mode", "DCR") == "CRD":
        return node.emit("pixel_shuffle", value, size)
    n, c, h, w = _image(node, value)
    split = node.emit("reshape", value, [n, size, size, c // max(size, 1) ** 2, h, w])
    moved = node.emit("permute", split, [0, 3, 4, 1, 5, 2])
    return node.emit("reshape", moved, [n, -1, h * size, w * size])


def _space_to_depth(node: OnnxNode) -> Value:
    value, size = node.input(0), node.attribute("blocksize", 1)
    n, c, h, w = _image(node, value)
    if size < 1 or h % size or w % size:
        raise node.refusal(f"it takes {list(value.shape)} in blocks of {size}")
    split = node.emit("reshape", value, [n, c, h // size, size, w // size, size])
    moved = node.emit("permute", split, [0, 3, 5, 1, 2, 4])
    return node.emit("reshape", moved, [n, c * size**2, h // size, w // size])


def _image(node: OnnxNode, value: Value) -> tuple[int, ...]:
    if value.ndim != 4 or not math.prod(value.shape):
        raise node.refusal(f"it takes {list(value.shape)}, a batch of images is needed")
    return value.shape


OPS: dict[str, Callable[[OnnxNode], Value | tuple[Value, ...]]] = {
    "Concat": _concat,
    "DepthToSpace": _depth_to_space,
    "Gather": _gather,
    "Slice": _slice,
    "SpaceToDepth": _space_to_depth,
    "Split": _split,
}
