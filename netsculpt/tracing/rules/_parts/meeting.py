"""Activations that meet, and elements of one activation of which any may be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from netsculpt.tracing.engine.activation import NOTHING, Activation, factor_per_unit, of_nothing
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.columns import SeveralInputs
from netsculpt.tracing.engine.edges import Ints
from netsculpt.tracing.engine.junction import join_sets, junction
from netsculpt.tracing.engine.rows import sets

__all__ = ["any_along", "each_along", "joined", "meet", "merge_inputs"]


def meet(call: Call, operands: Sequence[Activation]) -> Activation:
    """A junction of those of the operands that have units, or the only one as it is."""
    spread = [x.broadcast(call.op.shape) for x in operands if not x.is_empty]
    if not spread:
        return of_nothing(call.op.shape)
    if len(spread) == 1:
        return replace(spread[0], private=False)
    for mask in spread:
        for other in spread:
            _merge_positions(call, mask, other)
    return junction(call.builder, spread, call.junction_name)


def _merge_positions(call: Call, mask: Activation, other: Activation) -> None:
    """Make the elements of a mask that is an input one unit where they meet the same unit."""
    if mask is other or not call.builder.is_logic(mask):
        return
    present = (mask.units > NOTHING) & (other.units > NOTHING)
    met = np.stack([other.units[present].numpy(), mask.units[present].numpy()], axis=1)
    met = np.unique(met, axis=0)
    again = np.flatnonzero(met[1:, 0] == met[:-1, 0])
    merge_inputs(call, met[again + 1, 1], met[again, 1])


def any_along(
    call: Call, activation: Activation, dims: Sequence[int], *, positions: bool = True
) -> Activation:
    """The unit that all elements along some dimensions share, else a junction of them.

    The dimensions are kept, with size 1. If they are `positions`, elements of the net's inputs
    become one unit, except with "spatial".
    """
    units = activation.units.amax(list(dims), keepdim=True)
    differ = (activation.units != units) & (activation.units != NOTHING)
    if not bool(differ.any()):
        return Activation(units)
    if positions:
        one, two = activation.units[differ].numpy(), units.expand_as(differ)[differ].numpy()
        merge_inputs(call, one, two)
    call.check_samples(dims)
    others = [x for x in range(activation.units.ndim) if x not in dims]
    lines = activation.units.permute([*others, *dims]).flatten(len(others)).flatten(0, -2).numpy()
    members, numbers = sets(lines)
    return joined(call, activation, members, numbers.reshape(units.shape))


def each_along(
    call: Call, activation: Activation, dim: int, size: int, *, positions: bool = True
) -> Activation:
    """`size` elements along a dimension, each of which takes all that were there.

    They are the unit that all of those share, else a junction each. If they are `positions`,
    elements of the net's inputs become one unit, except with "spatial"; those of vectors are not.
    """
    units = activation.units
    one = units.amax(dim, keepdim=True)
    differ = (units != one) & (units != NOTHING)
    shape = (*units.shape[:dim], size, *units.shape[dim + 1 :])
    if not bool(differ.any()):
        return Activation(one.expand(shape))
    first, other = units[differ].numpy(), one.expand_as(units)[differ].numpy()
    if positions and not call.builder.are_features(np.concatenate([first, other])):
        merge_inputs(call, first, other)
    call.check_samples([dim])
    lines = units.movedim(dim, -1)
    members, number = sets(lines.reshape(-1, lines.shape[-1]).numpy())
    numbers = number.reshape(lines.shape[:-1])[..., None] * size + np.arange(size)
    call.builder.check_room(call.junction_name, size * int((members != NOTHING).sum()))
    made = joined(call, activation, members.repeat(size, axis=0), numbers)
    return made.changed(lambda x: x.movedim(-1, dim))


def joined(call: Call, activation: Activation, members: Ints, numbers: Ints) -> Activation:
    """Add a junction of sets of units [P, K]; `numbers` says which set each element is."""
    shape, stop = call.op.shape, call.builder.layers[-1].stop
    factor = factor_per_unit(activation.units, activation.factors, stop)
    weights = None if factor is None else factor[members]
    joined_sets = join_sets(
        call.builder, members, numbers, call.junction_name, shape[1:], weights, "junction"
    )
    if factor is None:
        call.builder.note_uneven()
    return joined_sets


def merge_inputs(call: Call, one: Ints, two: Ints) -> None:
    """Make pairs of elements of the net's inputs one unit each, except with "spatial"."""
    builder = call.builder
    spatial = builder.options.granularity == "spatial"
    if not spatial and one.size and (builder.is_input(one) & builder.is_input(two)).all():
        raise SeveralInputs(one, two)
