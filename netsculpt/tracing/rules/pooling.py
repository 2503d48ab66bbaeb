"""Operations on the positions of each channel: channels stay the units that they are."""

from __future__ import annotations

from typing import Any

import torch

from netsculpt.tracing._edges import columns
from netsculpt.tracing._values import NOTHING, Activation, Call

__all__ = ["pooling"]

_LINEAR = {
    f"{kind}{n}d": n
    for kind in ("avg_pool", "adaptive_avg_pool", "upsample_nearest", "_upsample_nearest_exact")
    for n in (1, 2, 3)
} | {"upsample_linear1d": 1, "upsample_bilinear2d": 2, "upsample_trilinear3d": 3}
_MAXIMA = {f"max_pool{n}d": n for n in (1, 2, 3)}
_WITH_INDICES = {f"max_pool{n}d_with_indices": n for n in (2, 3)} | {
    f"adaptive_max_pool{n}d": n for n in (1, 2, 3)
}
_POSITIONS = _LINEAR | _MAXIMA | _WITH_INDICES  # how many dimensions they have
OPS = tuple(_POSITIONS)


def pooling(call: Call) -> Any:
    """The same channels at other positions."""
    given, name = call.activation(), call.op.name
    dim = given.units.ndim - _POSITIONS[name] - 1
    taken = columns(call, given, dim)
    if taken.mixed or given.units.ndim != _POSITIONS[name] + 2:
        raise call.refusal("a batch of channels, each of which is one unit, is needed")
    units = torch.full((given.units.shape[dim],), NOTHING)
    factors = torch.ones(units.shape, dtype=torch.float64)
    units[torch.from_numpy(taken.column)] = torch.from_numpy(taken.unit)
    factors[torch.from_numpy(taken.column)] = torch.from_numpy(taken.factor)
    shape = call.op.shape
    of_channel = (1, -1, *[1] * _POSITIONS[name])
    found = Activation(
        units.view(of_channel).expand(shape),
        None if given.factor is None else factors.view(of_channel).expand(shape),
        call.private and name in _LINEAR,
    )
    return (found, None) if name in _WITH_INDICES else found
