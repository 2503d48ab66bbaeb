"""Which units the columns of a weight take."""

from __future__ import annotations

import numpy as np
import torch

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.edges import Columns, Ints
from netsculpt.tracing.engine.uneven import even

__all__ = ["SeveralInputs", "SeveralUnits", "check_units", "columns", "single_row"]


class SeveralInputs(Exception):  # noqa: N818 (not an error: the net is followed again)
    """Elements of the net's inputs that have to be one unit, like the pixels of a channel.

    With a vocabulary, they have to be one set of tokens.
    """

    def __init__(self, units: Ints, same: Ints, vocabulary: int = 0) -> None:
        super().__init__()
        self.units, self.same = units, same  # each unit is the one at the same index in `same`
        self.vocabulary = vocabulary


class SeveralUnits(Exception):  # noqa: N818 (not an error: the net is followed again)
    """Operations whose constants make several units of one, which a layer takes as such."""

    def __init__(self, ops: frozenset[str]) -> None:
        super().__init__()
        self.ops = ops  # by the names of their values


def check_units(call: Call) -> None:
    """Raise if what an operation takes as several units was made one of several constants."""
    together = call.builder.together
    if together and call.program is not None:
        found = call.program.made_of(call.program.makers[call.op.output].inputs) & together
        if found:
            raise SeveralUnits(frozenset(found))


def columns(call: Call, activation: Activation, dim: int) -> Columns:
    """The units along one dimension, whatever the indices along the others.

    Elements of the net's inputs in one column become one unit.
    """
    activation = even(call, activation, [dim])
    units, factors = (
        x.movedim(dim, 0).flatten(1).numpy() for x in (activation.units, activation.factors)
    )
    column = np.broadcast_to(np.arange(len(units))[:, None], units.shape)
    present = units != NOTHING
    pairs = np.stack([column[present], units[present]])
    key = pairs[0] * (pairs[1].max(initial=0) + 1) + pairs[1]
    _, first = np.unique(key, return_index=True)
    taken = Columns(pairs[0, first], pairs[1, first], factors[present][first], np.zeros_like(first))
    again = np.flatnonzero(np.diff(taken.column, prepend=-1) == 0)
    inputs = call.builder.is_input(taken.unit[again]) & call.builder.is_input(taken.unit[again - 1])
    if inputs.any() and call.builder.options.granularity == "channel":
        raise SeveralInputs(taken.unit[again][inputs], taken.unit[again - 1][inputs])
    if taken.shared:
        check_units(call)
    return taken


def single_row(call: Call, activation: Activation, dim: int, reason: str) -> Activation:
    """The units along one dimension [size]; refused if a column has several units."""
    taken = columns(call, activation, dim)
    if taken.mixed:
        raise call.refusal(reason)
    units = torch.full((activation.shape[dim],), NOTHING)
    factors = torch.ones(units.shape, dtype=torch.float64)
    units[taken.column] = torch.from_numpy(taken.unit)
    factors[taken.column] = torch.from_numpy(taken.factor)
    return Activation(units, None if activation.factor is None else factors)
