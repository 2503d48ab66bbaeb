"""Padding and resizing."""

from __future__ import annotations

from itertools import chain

from netsculpt.loading.programs.onnx.emitter import Value
from netsculpt.loading.programs.onnx.node import OnnxNode

__all__ = ["OPS"]

_MODES = {"edge": "replicate", "reflect": "reflect", "wrap": "circular"}
_LINEAR = {1: "upsample_linear1d", 2: "upsample_bilinear2d", 3: "upsample_trilinear3d"}


def _pad(node: OnnxNode) -> Value:
    value, mode = node.input(0), node.attribute("mode", "constant")
    pads, fill, axes = _padding(node, value)
    n = len(axes)
    if len(pads) != 2 * n:
        raise node.refusal(f"it pads {n} axes by {pads}")
    pairs = [(0, 0)] * value.ndim
    for axis, begin, end in zip(axes, pads[:n], pads[n:], strict=True):
        pairs[node.axis(axis, value.ndim)] = (begin, end)
    if mode == "constant":
        return node.emit("constant_pad_nd", value, list(chain(*reversed(pairs))), fill)
    if mode not in _MODES or any(pair != (0, 0) for pair in pairs[:2]):
        raise node.refusal(f"it pads {pairs} by the rule {mode!r}")
    if min(chain(*pairs)) < 0:
        raise node.refusal("its padding is negative")
    return node.emit("pad", value, list(chain(*reversed(pairs[2:]))), _MODES[mode])


def _padding(node: OnnxNode, value: Value) -> tuple[list[int], float, list[int]]:
    every = list(range(value.ndim))
    if node.opset < 11:
        return node.attribute("pads", []), node.attribute("value", 0.0), every
    axes = node.optional_numbers(3)
    return node.numbers(1), node.number(2, 0.0), every if axes is None else axes


def _resize(node: OnnxNode) -> Value:
    value, mode = node.input(0), node.attribute("mode", "nearest")
    node.ignore(1, "cubic_coeff_a", "exclude_outside", "extrapolation_value")  # of other modes
    if node.opset < 11 or node.attribute("axes") is not None or node.attribute("antialias", 0):
        raise node.refusal("it is older than opset 11, names axes, or smoothes first")
    if node.attribute("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise node.refusal("it keeps the ratio of sizes")
    sizes = _resized(node, value)
    coordinates = node.attribute("coordinate_transformation_mode", "half_pixel")
    rounding = node.attribute("nearest_mode", "round_prefer_floor")
    n = value.ndim - 2
    if n not in _LINEAR:
        raise node.refusal(f"it takes {list(value.shape)}")
    several = min(sizes) > 1  # sizes of 1 have their own rule
    whole = all(new % old == 0 for new, old in zip(sizes, value.shape[2:], strict=True))
    halves = coordinates == "half_pixel" or (coordinates == "pytorch_half_pixel" and several)
    down = (coordinates, rounding) == ("asymmetric", "floor")
    if mode == "nearest" and (down or (halves and whole and rounding.startswith("round"))):
        return node.emit(f"upsample_nearest{n}d", value, sizes)
    if mode == "linear" and (halves or coordinates == "align_corners"):
        return node.emit(_LINEAR[n], value, sizes, coordinates == "align_corners")
    raise node.refusal(f"its mode is {mode!r} with {coordinates!r} and {rounding!r}")


def _resized(node: OnnxNode, value: Value) -> list[int]:
    sizes = node.optional_numbers(3)
    if sizes is not None:
        node.ignore(2)
    else:
        scales = node.data(2).reshape(-1).tolist()
        exact = [s * size for s, size in zip(scales, value.shape, strict=False)]
        sizes = [round(x) for x in exact]
        if any(abs(x - size) > 1e-4 for x, size in zip(exact, sizes, strict=True)):
            raise node.refusal(f"it scales {list(value.shape)} by {scales}, to fractional sizes")
    if len(sizes) != value.ndim or tuple(sizes[:2]) != value.shape[:2] or min(sizes) < 1:
        raise node.refusal(f"it resizes {list(value.shape)} to {sizes}")
    return sizes[2:]


OPS = {"Pad": _pad, "Resize": _resize}
