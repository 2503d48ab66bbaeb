"""Which units the columns of a weight take."""

from __future__ import annotations

import numpy as np

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.edges import Columns, Ints

__all__ = ["SeveralInputs", "columns"]


class SeveralInputs(Exception):  # noqa: N818 (no error: the walk starts again)
    """Elements of the net's inputs that have to be one unit, as the pixels of a channel.

    Or, with a vocabulary, one set of so many tokens.
    """

    def __init__(self, units: Ints, same: Ints, vocabulary: int = 0) -> None:
        super().__init__()
        self.units, self.same = units, same  # each unit is one with the other at its place
        self.vocabulary = vocabulary


def columns(call: Call, given: Activation, dim: int) -> Columns:
    """The units along one dimension, whatever the others are.

    Elements of the net's inputs that stand in one column become one unit.
    """
    units, factors = (x.movedim(dim, 0).flatten(1).numpy() for x in (given.units, given.factors))
    column = np.broadcast_to(np.arange(len(units))[:, None], units.shape)
    present = units != NOTHING
    pairs = np.stack([column[present], units[present]])
    key = pairs[0] * (pairs[1].max(initial=0) + 1) + pairs[1]
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    found = Columns(pairs[0, first], pairs[1, first], factors[present][first])
    if (found.factor[place] != factors[present]).any():
        raise call.refusal("a unit arrives multiplied by different factors at different positions")
    again = np.flatnonzero(np.diff(found.column, prepend=-1) == 0)
    inputs = call.build.is_input(found.unit[again]) & call.build.is_input(found.unit[again - 1])
    if inputs.any() and call.build.plan.granularity == "channel":
        raise SeveralInputs(found.unit[again][inputs], found.unit[again - 1][inputs])
    return found
