"""One weight for all positions: a copy of its outputs for each row of units that it is put on."""

from __future__ import annotations

import numpy as np
import torch

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.columns import SeveralInputs
from netsculpt.tracing.engine.edges import Columns, Ints
from netsculpt.tracing.engine.rows import distinct, merged
from netsculpt.tracing.program import Constant
from netsculpt.tracing.rules._parts.weights import weighted

__all__ = ["copied"]


def copied(call: Call, given: Activation, weight: Constant, *, groups: int = 1) -> Activation:
    """The layer of a weight [out, in / groups] that the last dimension of an activation feeds.

    Positions that hold the same units share a copy. Positions that hold none have no unit.
    """
    rows, place = _rows(call, given)
    some = (rows != NOTHING).any(axis=1)
    if some.any():  # else one copy that nothing feeds
        number = np.where(some, np.cumsum(some) - 1, NOTHING)
        rows, place = rows[some], number[place]
    if groups > 1 and len(rows) > 1:
        raise call.refusal("positions hold different units, which it has no rule for in groups")
    column, copy = np.nonzero((rows != NOTHING).T)
    unit = rows[copy, column]
    factor = _factors(call, given, rows.shape, place)[copy, column]
    taken = Columns(column, unit, factor, copy, len(rows))
    n_out = len(weight.value)
    shape = call.op.shape[1:]
    start = weighted(call, weight, taken, kind="linear", shape=shape, groups=groups)
    copies = torch.from_numpy(place).view(*given.units.shape[:-1], 1)
    units = start + copies * n_out + torch.arange(n_out)
    return Activation(units.where(copies != NOTHING, NOTHING), private=True)


def _rows(call: Call, given: Activation) -> tuple[Ints, Ints]:
    """Different rows of units, and which one is at each position."""
    units = given.units.reshape(1, -1, given.units.shape[-1]).numpy()
    if call.build.plan.granularity == "spatial":
        first, place = distinct(units[0])
        return units[0][first], place
    rows, place = merged(units)
    inputs = np.zeros(rows.max(initial=0) + 1, dtype=bool)
    present = np.unique(rows[rows != NOTHING])
    inputs[present] = call.build.is_input(present)
    fed = inputs[rows] & (rows != NOTHING)
    lowest = np.where(fed, rows, np.iinfo(np.int64).max).min(axis=0)
    several = fed & (rows != lowest)
    if several.any():
        raise SeveralInputs(rows[several], np.broadcast_to(lowest, rows.shape)[several])
    return rows, place[0]


def _factors(call: Call, given: Activation, shape: tuple[int, ...], place: Ints) -> np.ndarray:
    """What the units of each row were multiplied by."""
    found = np.ones(shape)
    if given.factor is None:
        return found
    factors = given.factor.reshape(-1, shape[1]).numpy()
    at, column = np.nonzero(given.units.reshape(-1, shape[1]).numpy() != NOTHING)
    found[place[at], column] = factors[at, column]
    if (found[place[at], column] != factors[at, column]).any():
        raise call.refusal("a unit arrives multiplied by different factors at different positions")
    return found
