"""Operations that join tensors or take parts of them."""

from __future__ import annotations

import math
from collections.abc import Callable

from netsculpt.loading.programs.onnx.node import Node
from netsculpt.loading.programs.onnx.values import Value

__all__ = ["OPS"]

_MOST_PICKED = 4096  # single slices of an activation


def _concat(node: Node) -> Value:
    given = [node.input(at) for at in range(node.n_inputs)]
    axis = node.axis(node.attribute("axis", 1), given[0].ndim)
    return given[0] if len(given) == 1 else node.emit("cat", given, axis)


def _split(node: Node) -> tuple[Value, ...]:
    given = node.input(0)
    axis = node.axis(node.attribute("axis", 0), given.ndim)
    size = given.shape[axis]
    if node.opset < 13:
        sizes = node.attribute("split")
    else:
        sizes = None if node.optional(1) is None else node.numbers(1)
    parts = node.attribute("num_outputs", node.n_outputs)
    if sizes is None:
        if node.opset < 18 and size % parts:
            raise node.refusal(f"it splits {size} elements into {parts} parts")
        each = -(-size // parts)
        sizes = [each] * (parts - 1) + [size - each * (parts - 1)]
    return node.emit_all("split_with_sizes", given, sizes, axis)


def _slice(node: Node) -> Value:
    found = node.input(0)
    if node.opset < 10:
        starts, ends = node.attribute("starts", []), node.attribute("ends", [])
        axes, steps = node.attribute("axes"), None
    else:
        starts, ends = node.numbers(1), node.numbers(2)
        axes, steps = (None if node.optional(at) is None else node.numbers(at) for at in (3, 4))
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise node.refusal(f"it goes from {starts} to {ends} along axes {axes} by steps {steps}")
    for begin, end, along, step in zip(starts, ends, axes, steps, strict=True):
        axis = node.axis(along, found.ndim)
        at = range(found.shape[axis])[begin:end:step]
        found = node.emit("slice", found, axis, *_ascending(at))
        found = node.emit("flip", found, [axis]) if step < 0 else found
    return found


def _ascending(at: range) -> tuple[int, int, int]:
    """First, last + 1 and step of the same places in ascending order."""
    if not at:
        return 0, 0, 1
    return min(at[0], at[-1]), max(at[0], at[-1]) + 1, abs(at.step)


def _gather(node: Node) -> Value:
    data, at = node.input(0), node.input(1)
    axis = node.axis(node.attribute("axis", 0), data.ndim)
    if not at.constant:
        if not data.constant or data.ndim != 2 or axis != 0:
            raise node.refusal("what it picks depends on the net's inputs")
        return node.emit("embedding", data, at)
    size = data.shape[axis]
    indices = node.known(1)
    places = [place + size if place < 0 else place for place in indices.reshape(-1).tolist()]
    if any(not 0 <= place < size for place in places):
        raise node.refusal(f"it picks places outside of the {size} along axis {axis}")
    if indices.ndim == 0:
        return node.emit("select", data, axis, places[0])
    found = _picked(node, data, axis, places)
    if indices.ndim == 1:
        return found
    shape = [*data.shape[:axis], *indices.shape, *data.shape[axis + 1 :]]
    return node.emit("reshape", found, shape)


def _picked(node: Node, data: Value, axis: int, places: list[int]) -> Value:
    if places and places == list(range(places[0], places[0] + len(places))):
        return node.emit("slice", data, axis, places[0], places[-1] + 1)
    if data.constant:
        return node.emit("index_select", data, axis, node.constant(places))
    if not 0 < len(places) <= _MOST_PICKED:
        raise node.refusal(f"it picks {len(places)} places one by one")
    parts = [node.emit("slice", data, axis, place, place + 1) for place in places]
    return node.emit("cat", parts, axis)


def _depth_to_space(node: Node) -> Value:
    given, size = node.input(0), node.attribute("blocksize", 1)
    if node.attribute("mode", "DCR") == "CRD":
        return node.emit("pixel_shuffle", given, size)
    n, c, h, w = _image(node, given)
    split = node.emit("reshape", given, [n, size, size, c // max(size, 1) ** 2, h, w])
    moved = node.emit("permute", split, [0, 3, 4, 1, 5, 2])
    return node.emit("reshape", moved, [n, -1, h * size, w * size])


def _space_to_depth(node: Node) -> Value:
    given, size = node.input(0), node.attribute("blocksize", 1)
    n, c, h, w = _image(node, given)
    if size < 1 or h % size or w % size:
        raise node.refusal(f"it takes {list(given.shape)} in blocks of {size}")
    split = node.emit("reshape", given, [n, c, h // size, size, w // size, size])
    moved = node.emit("permute", split, [0, 3, 5, 1, 2, 4])
    return node.emit("reshape", moved, [n, c * size**2, h // size, w // size])


def _image(node: Node, given: Value) -> tuple[int, ...]:
    if given.ndim != 4 or not math.prod(given.shape):
        raise node.refusal(f"it takes {list(given.shape)}, a batch of images is needed")
    return given.shape


OPS: dict[str, Callable[[Node], Value | tuple[Value, ...]]] = {
    "Concat": _concat,
    "DepthToSpace": _depth_to_space,
    "Gather": _gather,
    "Slice": _slice,
    "SpaceToDepth": _space_to_depth,
    "Split": _split,
}
