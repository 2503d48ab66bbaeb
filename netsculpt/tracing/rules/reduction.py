"""Means, sums and extremes over positions, or over units."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from netsculpt.tracing.engine.activation import NOTHING, Activation, factor_per_unit
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.columns import MIXED_FACTORS, SeveralInputs
from netsculpt.tracing.engine.junction import join_sets
from netsculpt.tracing.engine.rows import bags, sets
from netsculpt.tracing.program import Constant
from netsculpt.tracing.rules.meeting import meeting

__all__ = ["reduction"]

_WITH_INDICES = ("max", "min")
OPS = ("amax", "amin", "logsumexp", "mean", "sum", *_WITH_INDICES)


def reduction(call: Call) -> Any:
    """The unit that all reduced positions share, else a junction that all of them feed."""
    if call.op.name in _WITH_INDICES and isinstance(call.arg(1, "other"), Activation | Constant):
        return meeting(call)
    reduced = _reduced(call)
    return (reduced, None) if call.op.name in _WITH_INDICES else reduced


def _reduced(call: Call) -> Activation:
    activation, dims = call.activation(), _dims(call)
    units, present = activation.units.amax(dims, keepdim=True), activation.units != NOTHING
    differ = (activation.units != units) & present
    if bool(differ.any()):
        _check_inputs(call, activation.units, units, differ)
        return _junction(call, activation, dims)
    factor = None
    if activation.factor is not None:
        factor = activation.factor.where(present, torch.inf).amin(dims, keepdim=True)
        if bool((activation.factor != factor)[present].any()):
            raise call.refusal(MIXED_FACTORS)
        factor = factor.where(units != NOTHING, 1.0).reshape(call.op.shape)
    linear = call.op.name in ("mean", "sum")
    return Activation(units.reshape(call.op.shape), factor, call.private and linear)


def _dims(call: Call) -> list[int]:
    """The reduced dimensions, counted from 0."""
    dims = call.arg(1, "dim")
    dims = [dims] if isinstance(dims, int) else dims
    n_dims = call.activation().units.ndim
    if not isinstance(dims, list | tuple) or not dims or 0 in [x % n_dims for x in dims]:
        raise call.refusal("it mixes the samples of a batch: name dimensions after the first")
    return [x % n_dims for x in dims]


def _check_inputs(call: Call, elements: Tensor, units: Tensor, differ: Tensor) -> None:
    """Make reduced elements of the net's inputs one unit, except with "spatial"."""
    if call.builder.options.granularity == "spatial":
        return
    one, two = elements[differ].numpy(), units.expand_as(elements)[differ].numpy()
    if (call.builder.is_input(one) & call.builder.is_input(two)).all():
        raise SeveralInputs(one, two)


def _junction(call: Call, activation: Activation, dims: list[int]) -> Activation:
    """Add a junction: the weight is a unit's share in a sum or mean, 1 in an extreme."""
    others = [x for x in range(len(activation.shape)) if x not in dims]
    lines = activation.units.permute([*others, *dims]).flatten(len(others)).flatten(0, -2).numpy()
    linear = call.op.name in ("mean", "sum")
    members, numbers = bags(lines) if linear else sets(lines)
    factor = factor_per_unit(activation.units, activation.factors, call.builder.layers[-1].stop)
    if factor is None:
        raise call.refusal(MIXED_FACTORS)
    factor /= lines.shape[1] if call.op.name == "mean" else 1
    shape, name = call.op.shape, call.junction_name
    numbers = numbers.reshape(shape)
    return join_sets(call.builder, members, numbers, name, shape[1:], factor[members])
