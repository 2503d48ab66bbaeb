"""Layers where activations meet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from netsculpt.graph.graph import Role
from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.builder import Builder
from netsculpt.tracing.engine.edges import Floats, Ints, summed
from netsculpt.tracing.engine.rows import completed, distinct

__all__ = ["join_sets", "junction"]


def junction(
    builder: Builder, activations: Sequence[Activation], name: str, role: Role = "junction"
) -> Activation:
    """Add a layer that joins activations of one shape: identity edges, one unit per meeting.

    A meeting that lacks a unit, as at padding, is another position of the only one that has it.
    """
    units = np.stack([x.units.reshape(-1).numpy() for x in activations])
    factors = np.stack([x.factors.reshape(-1).numpy() for x in activations])
    factors = np.where(units == NOTHING, 1.0, factors)
    first, meeting = distinct(units.T)
    if builder.options.granularity == "channel":
        meeting = completed(units[:, first].T)[meeting]
    elif any(x.factor is not None for x in activations):
        first, meeting = distinct(np.concatenate([units, factors.view(np.int64)]).T)
    differ = (factors[:, first[meeting]] != factors) & (units != NOTHING)
    begin, number = distinct(meeting[:, None])
    sets, weights = (x[:, first[meeting[begin]]].T for x in (units, factors))
    uneven = bool(differ.any())
    if uneven:  # rotary embeddings, learned gates: a strength that depends on the position
        weights = weights.copy()
        for operand, elements in enumerate(differ):
            weights[number[elements], operand] = 1.0
    shape = activations[0].shape
    joined = join_sets(builder, sets, number.reshape(shape), name, shape[1:], weights, role)
    if uneven:
        builder.note_uneven()
    return joined


def join_sets(
    builder: Builder,
    sets: Ints,
    numbers: Ints,
    name: str,
    shape: Sequence[int],
    weights: Floats | None = None,
    role: Role = "junction",
) -> Activation:
    """Add a layer with one unit per set [P, K], which its members feed.

    `numbers` says which set each element of the result is. A set without units is `NOTHING`. The
    weights of the members [P, K] add up where a set has a unit several times; without them every
    edge has weight 1.
    """
    present = sets != NOTHING
    has_units = present.any(axis=1)
    numbered = np.where(has_units, np.cumsum(has_units) - 1, 0)
    target = np.repeat(numbered, present.sum(axis=1))
    each = np.ones(target.size) if weights is None else weights[present]
    source, target, weight, _ = summed(sets[present], target, each)
    builder.check_room(name, source.size)
    start = builder.add_layer(name, role, shape, int(has_units.sum()))
    unit = np.where(has_units, numbered + start, NOTHING)
    builder.wire(source, target + start, np.ones_like(weight) if weights is None else weight)
    made = unit[numbers]
    builder.place_units(made)
    return Activation(torch.from_numpy(made))
