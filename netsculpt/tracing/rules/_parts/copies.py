"""One weight for all positions: a copy of its outputs for each distinct row of units."""

from __future__ import annotations

import numpy as np
import torch

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.columns import SeveralInputs, check_units
from netsculpt.tracing.engine.edges import Columns, Floats, Ints
from netsculpt.tracing.engine.rows import distinct, merged
from netsculpt.tracing.program import Constant
from netsculpt.tracing.rules._parts.weights import add_layer

__all__ = ["apply"]


def apply(call: Call, activation: Activation, weight: Constant, *, groups: int = 1) -> Activation:
    """Add the layer of a weight [out, in / groups] along the last dimension of an activation.

    Positions with the same units, each with one factor at every index of the last dimension, share
    a copy. Positions without units get none.
    """
    rows, place = _rows(call, activation)
    has_units = (rows != NOTHING).any(axis=1)
    if has_units.any():  # else one copy without inputs
        number = np.where(has_units, np.cumsum(has_units) - 1, NOTHING)
        rows, place = rows[has_units], number[place]
    if groups > 1 and len(rows) > 1:
        raise call.refusal("positions have different units, for which there is no rule with groups")
    column, copy = np.nonzero((rows != NOTHING).T)
    unit = rows[copy, column]
    factor = _factors(activation, rows.shape, place)[copy, column]
    taken = Columns(column, unit, factor, copy, len(rows))
    if taken.shared:
        check_units(call)
    n_out = len(weight.value)
    shape = call.op.shape[1:]
    start = add_layer(call, weight, taken, kind="linear", shape=shape, groups=groups)
    copies = torch.from_numpy(place).view(*activation.shape[:-1], 1)
    units = start + copies * n_out + torch.arange(n_out)
    return Activation(units, private=True).without(copies == NOTHING)


def _rows(call: Call, activation: Activation) -> tuple[Ints, Ints]:
    """Distinct rows of units, and which of them is at each position."""
    units = activation.units.reshape(1, -1, activation.shape[-1]).numpy()
    if call.builder.options.granularity == "spatial":
        first, place = distinct(units[0])
        return units[0][first], place
    rows, place = merged(units)
    inputs = np.zeros(rows.max(initial=0) + 1, dtype=bool)
    present = np.unique(rows[rows != NOTHING])
    inputs[present] = call.builder.is_input(present)
    fed = inputs[rows] & (rows != NOTHING)
    lowest = np.where(fed, rows, np.iinfo(np.int64).max).min(axis=0)
    several = fed & (rows != lowest)
    if several.any():
        raise SeveralInputs(rows[several], np.broadcast_to(lowest, rows.shape)[several])
    return rows, place[0]


def _factors(activation: Activation, shape: tuple[int, ...], place: Ints) -> Floats:
    """The factors of the units of each row."""
    of_row = np.ones(shape)
    if activation.factor is None:
        return of_row
    factors = activation.factor.reshape(-1, shape[1]).numpy()
    position, column = np.nonzero(activation.units.reshape(-1, shape[1]).numpy() != NOTHING)
    of_row[place[position], column] = factors[position, column]
    return of_row
