"""Factors that differ between the positions of a unit, as rotary embeddings have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b

import numpy as np
import torch

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.edges import Ints
from netsculpt.tracing.engine.junction import join_sets
from netsculpt.tracing.engine.rows import distinct

__all__ = ["even"]


def even(call: Call, activation: Activation, dims: Sequence[int]) -> Activation:
    """The same activation, in which a unit has one factor at each index along some dimensions.

    Where it has several, a junction takes the place of its units. With granularity "channel" it
    has one unit for each unit and index, whose edge has weight 1 if its factors differ; with
    "spatial" one for each factor, which is the weight of its edge.
    """
    if activation.factor is None:
        return activation
    present = activation.units != NOTHING
    units, factors = activation.units[present].numpy(), activation.factor[present].numpy()
    keys = np.stack([units, _index(activation, dims)[present.numpy()]], axis=1)
    first, place = distinct(keys)
    mixed = np.zeros(first.size, dtype=bool)
    mixed[place[factors[first][place] != factors]] = True
    if not mixed.any():
        return activation
    builder = call.builder
    content = b"".join((*(x.tobytes() for x in (keys, factors)), present.numpy().tobytes()))
    number = blake2b(content).digest()
    if number not in builder.scaled:
        spatial = builder.options.granularity == "spatial"
        if spatial:
            first, place = distinct(np.stack([units, factors.view(np.int64)], axis=1))
        numbers = np.full(activation.units.shape, first.size)  # the last set has no units
        numbers[present.numpy()] = place
        members = np.append(units[first], NOTHING)[:, None]
        weights = np.append(factors[first], 1.0)
        if not spatial:
            weights[:-1][mixed] = 1.0
        name = f"{call.op.layer}.scaled" if call.op.layer else "scaled"
        shape = activation.shape[1:]
        builder.scaled[number] = join_sets(
            builder, members, numbers, name, shape, weights[:, None], "junction"
        )
        if not spatial:
            builder.note_uneven()
    settled = replace(builder.scaled[number], private=False)
    builder.settled[call.op.output] = settled
    return settled


def _index(activation: Activation, dims: Sequence[int]) -> Ints:
    """The index of each element along some dimensions."""
    index = torch.zeros((), dtype=torch.int64)
    for dim in dims:
        size = activation.shape[dim]
        shape = [1] * len(activation.shape)
        shape[dim] = size
        index = index * size + torch.arange(size).view(shape)
    return index.broadcast_to(activation.shape).numpy()
