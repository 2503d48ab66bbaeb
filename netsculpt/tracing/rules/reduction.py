"""Means, sums, extremes and spreads over positions, or over units."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from netsculpt.tracing.engine.activation import NOTHING, Activation, factor_per_unit
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.choice import Choice
from netsculpt.tracing.engine.columns import SeveralInputs
from netsculpt.tracing.engine.junction import join_sets
from netsculpt.tracing.engine.rows import bags, sets
from netsculpt.tracing.engine.uneven import even
from netsculpt.tracing.program import Constant
from netsculpt.tracing.rules.meeting import meeting

__all__ = ["reduction"]

_WITH_INDICES = ("max", "min", "median", "nanmedian")
_OF_TWO = ("std_mean", "var_mean", "aminmax")
_NORMS = ("linalg_vector_norm", "norm")  # whose dimensions are the third argument
OPS = (
    *("all", "amax", "amin", "any", "logsumexp", "mean", "nanmean", "nansum", "prod", "std", "sum"),
    *("special_logsumexp", "var", *_WITH_INDICES, *_OF_TWO, *_NORMS),
)


def reduction(call: Call) -> Any:
    """The unit that all reduced positions share, else a junction that all of them feed."""
    if call.op.name in _WITH_INDICES and isinstance(call.arg(1, "other"), Activation | Constant):
        return meeting(call)
    reduced = _reduced(call)
    if call.op.name in _WITH_INDICES:
        dim = call.arg(1, "dim") % call.activation().units.ndim
        return reduced, Choice.along(dim, call.activation(), tuple(reduced.shape))
    return (reduced, reduced) if call.op.name in _OF_TWO else reduced


def _reduced(call: Call) -> Activation:
    dims = _dims(call)
    activation = even(call, call.activation(), [])
    units, present = activation.units.amax(dims, keepdim=True), activation.units != NOTHING
    differ = (activation.units != units) & present
    if bool(differ.any()):
        _check_inputs(call, activation.units, [x for x in dims if x])  # 0: branches, in a stack
        return _junction(call, activation, dims)
    factor = None
    if activation.factor is not None:
        factor = activation.factor.where(present, torch.inf).amin(dims, keepdim=True)
        factor = factor.where(units != NOTHING, 1.0).reshape(call.op.shape)
    linear = call.op.name in ("mean", "sum")
    private = call.private and activation.private and linear
    return Activation(units.reshape(call.op.shape), factor, private)


def _dims(call: Call) -> list[int]:
    """The reduced dimensions, counted from 0."""
    dims = call.arg(2 if call.op.name in _NORMS else 1, "dim")
    dims = [dims] if isinstance(dims, int) else dims
    n_dims = call.activation().units.ndim
    if not isinstance(dims, list | tuple) or not dims:
        raise call.refusal("it mixes the samples of a batch: name the dimensions to reduce")
    dims = [x % n_dims for x in dims]
    call.check_samples(dims)
    return dims


def _check_inputs(call: Call, elements: Tensor, dims: list[int]) -> None:
    """Make elements of the net's inputs along some dimensions one unit, except with "spatial".

    The elements of an input vector are features, no positions of one channel.
    """
    if call.builder.options.granularity == "spatial":
        return
    units = elements.amax(dims, keepdim=True) if dims else elements
    differ = (elements != units) & (elements != NOTHING)
    one, two = elements[differ].numpy(), units.expand_as(elements)[differ].numpy()
    if call.builder.are_features(np.concatenate([one, two])):
        return
    if (call.builder.is_input(one) & call.builder.is_input(two)).all():
        raise SeveralInputs(one, two)


def _junction(call: Call, activation: Activation, dims: list[int]) -> Activation:
    """Add a junction: the weight is a unit's share in a sum or mean, 1 in an extreme."""
    others = [x for x in range(len(activation.shape)) if x not in dims]
    lines = activation.units.permute([*others, *dims]).flatten(len(others)).flatten(0, -2).numpy()
    linear = call.op.name in ("mean", "sum")
    members, numbers = bags(lines) if linear else sets(lines)
    factor = factor_per_unit(activation.units, activation.factors, call.builder.layers[-1].stop)
    assert factor is not None  # as it is even
    factor /= lines.shape[1] if call.op.name == "mean" else 1
    shape, name = call.op.shape, call.junction_name
    numbers = numbers.reshape(shape)
    return join_sets(call.builder, members, numbers, name, shape[1:], factor[members])
