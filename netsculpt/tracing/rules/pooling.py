"""Operations on the positions of each channel: channels stay the units that they are.

Where elements are units, those of a window meet in a new one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from scipy.sparse import csr_array
from torch import Tensor

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.columns import columns
from netsculpt.tracing.rules._parts.windows import along, windows

__all__ = ["pooling"]

_NEAREST = {
    f"{kind}{n}d": n for kind in ("upsample_nearest", "_upsample_nearest_exact") for n in (1, 2, 3)
}
_LINEAR = (
    _NEAREST
    | {f"{kind}{n}d": n for kind in ("avg_pool", "adaptive_avg_pool") for n in (1, 2, 3)}
    | {"upsample_linear1d": 1, "upsample_bilinear2d": 2, "upsample_trilinear3d": 3}
)
_MAXIMA = {f"max_pool{n}d": n for n in (1, 2, 3)}
_WITH_INDICES = {f"max_pool{n}d_with_indices": n for n in (2, 3)} | {
    f"adaptive_max_pool{n}d": n for n in (1, 2, 3)
}
_POSITIONS = _LINEAR | _MAXIMA | _WITH_INDICES  # how many dimensions they have
OPS = tuple(_POSITIONS)


def pooling(call: Call) -> Any:
    """The same channels at other positions, or a junction."""
    given, name = call.activation(), call.op.name
    if given.units.ndim != _POSITIONS[name] + 2:
        raise call.refusal("a batch of channels is needed")
    if call.build.plan.granularity == "channel":
        found = _of_channels(call)
    elif name in _NEAREST:
        found = _nearest(call)
    else:
        found = windows(call, _joins(call), largest=name not in _LINEAR)
    return (found, None) if name in _WITH_INDICES else found


def _of_channels(call: Call) -> Activation:
    given, name = call.activation(), call.op.name
    taken = columns(call, given, 1)
    if taken.mixed:
        raise call.refusal("channels are needed, each of which is one unit")
    units = torch.full((given.units.shape[1],), NOTHING)
    factors = torch.ones(units.shape, dtype=torch.float64)
    units[torch.from_numpy(taken.column)] = torch.from_numpy(taken.unit)
    factors[torch.from_numpy(taken.column)] = torch.from_numpy(taken.factor)
    shape = call.op.shape
    of_channel = (1, -1, *[1] * _POSITIONS[name])
    return Activation(
        units.view(of_channel).expand(shape),
        None if given.factor is None else factors.view(of_channel).expand(shape),
        call.private and name in _LINEAR,
    )


def _nearest(call: Call) -> Activation:
    def moved(x: Tensor) -> Tensor:  # in float64, which holds every unit exactly
        operation = getattr(torch.ops.aten, call.op.name)
        found: Tensor = operation(x.double(), *call.args[1:], **call.op.options)
        return found

    given = call.activation()
    factor = None if given.factor is None else moved(given.factor)
    return Activation(moved(given.units).to(torch.int64), factor, call.private)


def _joins(call: Call) -> list[csr_array]:
    """For each dimension what positions add to those that are made."""
    sizes, made = call.activation().units.shape[2:], call.op.shape[2:]
    joins = [along(_one(call, at, made[at]), size) for at, size in enumerate(sizes)]
    divisor = call.arg(6, "divisor_override") if call.op.name.startswith("avg_pool") else None
    if divisor is not None:
        for join in joins:
            join.data[:] = 1
        joins[0].data /= divisor
    return joins


def _one(call: Call, at: int, size: int) -> Callable[[Tensor], Any]:
    """The operation on one of the dimensions, in which it makes `size` positions."""
    name, n, aten = call.op.name, _POSITIONS[call.op.name], torch.ops.aten

    def each(place: int, word: str, default: int | list[int]) -> list[int]:
        value = call.arg(place, word, default)
        several = [value] if isinstance(value, int) else list(value)
        return several[at : at + 1] if len(several) == n else several

    if name.startswith("upsample"):
        named = [x for key, x in call.op.options.items() if key.startswith("scale")]
        scales: Any = [*call.args[3:], *named]
        scales = scales[0] if scales and isinstance(scales[0], list | tuple) else scales
        scale = scales[at] if len(scales) > at else None
        corners = call.arg(2, "align_corners")
        return lambda x: aten.upsample_linear1d.default(x, [size], corners, scale)
    if name.startswith("adaptive_avg"):
        return lambda x: aten.adaptive_avg_pool1d(x, [size])
    if name.startswith("adaptive_max"):
        return lambda x: aten.adaptive_max_pool1d(x, [size])[0]
    kernel, stride, padding = (
        each(1, "kernel_size", []),
        each(2, "stride", []),
        each(3, "padding", 0),
    )
    if name.startswith("max"):
        dilation, ceil = each(4, "dilation", 1), call.arg(5, "ceil_mode", False)
        return lambda x: aten.max_pool1d(x, kernel, stride, padding, dilation, ceil)
    ceil, padded = call.arg(4, "ceil_mode", False), call.arg(5, "count_include_pad", True)
    return lambda x: aten.avg_pool1d(x, kernel, stride, padding, ceil, padded)
