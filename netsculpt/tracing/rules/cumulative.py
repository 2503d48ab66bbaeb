"""Cumulative sums and extremes: each element takes those before it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.choice import Choice
from netsculpt.tracing.engine.rows import sets
from netsculpt.tracing.engine.uneven import even
from netsculpt.tracing.rules._parts.meeting import joined, merge_inputs

__all__ = ["cumulative"]

_WITH_INDICES = ("cummax", "cummin")
OPS = ("cumprod", "cumsum", "logcumsumexp", *_WITH_INDICES)


def cumulative(call: Call) -> Any:
    """The unit that all positions share, else a junction of an element and those before it."""
    activation = even(call, call.activation(), [])
    dim = call.arg(1, "dim") % activation.units.ndim
    value = _accumulated(call, activation, dim)
    if call.op.name in _WITH_INDICES:
        return value, Choice.along(dim, activation, tuple(value.shape))
    return value


def _accumulated(call: Call, activation: Activation, dim: int) -> Activation:
    units = activation.units
    one = units.amax(dim, keepdim=True)
    differ = (units != one) & (units != NOTHING)
    if not bool(differ.any()):
        started = (units != NOTHING).cumsum(dim) > 0
        factors = activation.factors.where(units != NOTHING, torch.inf).amin(dim, keepdim=True)
        factors = factors.where(one != NOTHING, 1.0)  # one for each unit, as it is even
        spread = Activation(one, None if activation.factor is None else factors)
        return spread.broadcast(units.shape).without(~started)
    pairs = units[differ].numpy(), one.expand_as(units)[differ].numpy()
    if not call.builder.are_features(np.concatenate(pairs)):  # of a vector, they are units
        merge_inputs(call, *pairs)
    call.check_samples([dim])
    lines = units.movedim(dim, -1)
    size = lines.shape[-1]
    call.builder.check_room(call.junction_name, lines[:1].numel() * (size + 1) // 2)
    later = torch.ones(size, size, dtype=torch.bool).triu(1)  # [at, of]
    rows = lines[..., None, :].masked_fill(later, NOTHING).reshape(-1, size).numpy()
    members, numbers = sets(rows)
    places = torch.from_numpy(np.asarray(numbers)).view(lines.shape).movedim(-1, dim)
    return joined(call, activation, members, places.numpy())
