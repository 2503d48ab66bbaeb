"""Means, sums and extremes over positions, or over units."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.columns import SeveralInputs
from netsculpt.tracing.engine.rows import bags, sets
from netsculpt.tracing.program import Constant
from netsculpt.tracing.rules._parts.products import gathered
from netsculpt.tracing.rules.meeting import meeting

__all__ = ["reduction"]

_WITH_INDICES = ("max", "min")
OPS = ("amax", "amin", "logsumexp", "mean", "sum", *_WITH_INDICES)


def reduction(call: Call) -> Any:
    """The unit that all reduced positions hold, else a junction that all of them feed."""
    if call.op.name in _WITH_INDICES and isinstance(call.arg(1, "other"), Activation | Constant):
        return meeting(call)
    found = _reduced(call)
    return (found, None) if call.op.name in _WITH_INDICES else found


def _reduced(call: Call) -> Activation:
    given, dims = call.activation(), _dims(call)
    units = given.units.amax(dims, keepdim=True)
    differ = (given.units != units) & (given.units != NOTHING)
    if bool(differ.any()):
        _check_inputs(call, given.units, units, differ)
        return _joined(call, given, dims)
    factor = None
    if given.factor is not None:
        present = given.units != NOTHING
        factor = given.factor.where(present, torch.inf).amin(dims, keepdim=True)
        if bool((given.factor != factor)[present].any()):
            raise call.refusal("positions of a unit were multiplied by different factors")
        factor = factor.where(units != NOTHING, 1.0).reshape(call.op.shape)
    linear = call.op.name in ("mean", "sum")
    return Activation(units.reshape(call.op.shape), factor, call.private and linear)


def _dims(call: Call) -> list[int]:
    """Which dimensions are reduced, from 0."""
    given = call.arg(1, "dim")
    dims = [given] if isinstance(given, int) else given
    n_dims = call.activation().units.ndim
    if not isinstance(dims, list | tuple) or not dims or 0 in [x % n_dims for x in dims]:
        raise call.refusal("it mixes the samples of a batch: name dimensions behind the first")
    return [x % n_dims for x in dims]


def _check_inputs(call: Call, given: Tensor, units: Tensor, differ: Tensor) -> None:
    """Elements of the net's inputs that are reduced are one unit, but where each is one."""
    if call.build.plan.granularity == "spatial":
        return
    one, two = given[differ].numpy(), units.expand_as(given)[differ].numpy()
    if (call.build.is_input(one) & call.build.is_input(two)).all():
        raise SeveralInputs(one, two)


def _joined(call: Call, given: Activation, dims: list[int]) -> Activation:
    """A junction: edges weigh what a unit adds to the sum or the mean, and 1 where it competes."""
    others = [x for x in range(given.units.ndim) if x not in dims]
    lines = given.units.permute([*others, *dims]).flatten(len(others)).flatten(0, -2).numpy()
    linear = call.op.name in ("mean", "sum")
    held, numbers = bags(lines) if linear else sets(lines)
    factor = _factors(call, given) / (lines.shape[1] if call.op.name == "mean" else 1)
    shape = call.op.shape
    found = gathered(call.build, held, numbers, call.junction_name, shape[1:], factor)
    return found.changed(lambda x: x.reshape(shape))


def _factors(call: Call, given: Activation) -> NDArray[np.float64]:
    """What each unit was multiplied by."""
    factor = np.ones(call.build.layers[-1].stop)
    if given.factor is None:
        return factor
    present = given.units != NOTHING
    units, factors = given.units[present].numpy(), given.factor[present].numpy()
    factor[units] = factors
    if (factor[units] != factors).any():
        raise call.refusal("positions of a unit were multiplied by different factors")
    return factor
