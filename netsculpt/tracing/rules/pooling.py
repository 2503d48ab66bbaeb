"""Pooling and resizing: channels stay the same units.

Where elements are units, those of a window meet in a new unit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.columns import single_row
from netsculpt.tracing.engine.uneven import even
from netsculpt.tracing.rules._parts.windows import along, join_windows

__all__ = ["pooling"]

_NEAREST = {
    f"{kind}{n}d": n for kind in ("upsample_nearest", "_upsample_nearest_exact") for n in (1, 2, 3)
}
_LINEAR = (
    _NEAREST
    | {f"{kind}{n}d": n for kind in ("avg_pool", "adaptive_avg_pool") for n in (1, 2, 3)}
    | {"upsample_linear1d": 1, "upsample_bilinear2d": 2, "upsample_trilinear3d": 3}
    | {"upsample_bicubic2d": 2, "_upsample_bilinear2d_aa": 2, "_upsample_bicubic2d_aa": 2}
)
_MAXIMA = {f"max_pool{n}d": n for n in (1, 2, 3)}
_WITH_INDICES = {f"max_pool{n}d_with_indices": n for n in (2, 3)} | {
    f"adaptive_max_pool{n}d": n for n in (1, 2, 3)
}
_POSITIONS = _LINEAR | _MAXIMA | _WITH_INDICES  # the number of position dimensions
OPS = tuple(_POSITIONS)


def pooling(call: Call) -> Any:
    """The same channels at other positions, or a junction."""
    name = call.op.name
    if call.activation().units.ndim != _POSITIONS[name] + 2:
        raise call.refusal("a batch of channels is needed")
    if call.builder.options.granularity == "channel":
        pooled = _across_channels(call) if _is_across(call) else _of_channels(call)
    elif name in _NEAREST:
        pooled = _nearest(call)
    else:
        pooled = join_windows(call, call.activation(), _shares(call), largest=name not in _LINEAR)
    return (pooled, None) if name in _WITH_INDICES else pooled


def _of_channels(call: Call) -> Activation:
    name, shape = call.op.name, call.op.shape
    activation = even(call, call.activation(), [1])
    channels = single_row(call, activation, 1, "channels that are one unit each are needed")
    everywhere = channels.changed(lambda x: x.view(1, -1, *[1] * _POSITIONS[name]).expand(shape))
    return replace(everywhere, private=call.private and activation.private and name in _LINEAR)


def _is_across(call: Call) -> bool:
    """Whether the windows are of channels at one position, as those of `LocalResponseNorm`.

    It makes the channels a dimension of their own, before the positions, which have windows of 1.
    """
    name, units = call.op.name, call.activation().units
    shape = units.shape
    if not name.startswith("avg_pool") or len(shape) < 4 or shape[1] != 1:
        return False
    largest = units.amax(dim=(0, 1, *range(3, units.ndim)))  # of each index; NOTHING in padding
    if np.unique(largest[largest != NOTHING].numpy()).size < 2:
        return False  # these are positions of one channel
    kernel, stride, padding = (
        call.op.each_dim(index, word, default, len(shape) - 2)
        for index, word, default in ((1, "kernel_size", []), (2, "stride", []), (3, "padding", 0))
    )
    return (
        kernel[0] > 1
        and [*kernel[1:]] == [1] * (len(shape) - 3)
        and [*stride] == [1] * (len(shape) - 2)
        and not any(padding)
    )


def _across_channels(call: Call) -> Activation:
    """A junction for each channel, wired from its neighbours, at all positions."""
    shape = call.op.shape
    activation = even(call, call.activation(), [2])
    row = single_row(call, activation, 2, "at each position its window needs the same units")
    taken = row.changed(lambda x: x.view(1, 1, -1))
    joined = join_windows(call, taken, _shares(call)[:1], largest=False)
    positions = [1] * (len(shape) - 3)
    return joined.changed(lambda x: x.view(1, 1, -1, *positions).expand(shape))


def _nearest(call: Call) -> Activation:
    def moved(x: Tensor) -> Tensor:  # in float64, which represents every unit exactly
        operation = getattr(torch.ops.aten, call.op.name)
        values: Tensor = operation(x.double(), *call.args[1:], **call.op.kwargs)
        return values.to(x.dtype)

    return call.passed(call.activation().changed(moved))


def _shares(call: Call) -> list[csr_array]:
    """For each dimension, the share of each position in each new position."""
    before, after = call.activation().shape[2:], call.op.shape[2:]
    shares = [along(_one(call, dim, after[dim]), size) for dim, size in enumerate(before)]
    divisor = call.arg(6, "divisor_override") if call.op.name.startswith("avg_pool") else None
    if divisor is not None:
        for share in shares:
            share.data[:] = 1
        shares[0].data /= divisor
    return shares


def _one(call: Call, dim: int, size: int) -> Callable[[Tensor], Any]:
    """The operation along one dimension, where it makes `size` positions."""
    name, n, aten = call.op.name, _POSITIONS[call.op.name], torch.ops.aten

    def each(index: int, name: str, default: int | list[int]) -> list[int]:
        return call.op.each_dim(index, name, default, n)[dim : dim + 1]

    if name.startswith(("upsample", "_upsample")):
        named = [x for key, x in call.op.kwargs.items() if key.startswith("scale")]
        scales: Any = [*call.args[3:], *named]
        scales = scales[0] if scales and isinstance(scales[0], list | tuple) else scales
        scale = scales[dim] if len(scales) > dim else None
        corners = call.arg(2, "align_corners")
        if name.endswith("_aa"):
            raise call.refusal(
                "it smooths before it resizes, which has a rule only with granularity='channel'"
            )
        if "bicubic" in name:
            wide: Any = getattr(aten, name).default
            return lambda x: wide(x[..., None], [size, 1], corners, scale, None)[..., 0]
        return lambda x: aten.upsample_linear1d.default(x, [size], corners, scale)
    if name.startswith("adaptive_avg"):
        return lambda x: aten.adaptive_avg_pool1d(x, [size])
    if name.startswith("adaptive_max"):
        return lambda x: aten.adaptive_max_pool1d(x, [size])[0]
    kernel, stride = each(1, "kernel_size", []), each(2, "stride", [])
    padding = each(3, "padding", 0)
    if name.startswith("max"):
        dilation, ceil = each(4, "dilation", 1), call.arg(5, "ceil_mode", False)
        return lambda x: aten.max_pool1d(x, kernel, stride, padding, dilation, ceil)
    ceil, padded = call.arg(4, "ceil_mode", False), call.arg(5, "count_include_pad", True)
    return lambda x: aten.avg_pool1d(x, kernel, stride, padding, ceil, padded)
