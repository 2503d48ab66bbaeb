"""Products of two activations, summed over a dimension: a unit for each two sets that meet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.builder import Builder
from netsculpt.tracing.engine.edges import Ints
from netsculpt.tracing.engine.rows import distinct, merged, sets

__all__ = ["gathered", "multiplied"]


def multiplied(
    build: Builder, one: Activation, two: Activation, name: str, shape: Sequence[int]
) -> Activation:
    r"""The junction of :math:`\sum_k a_{sik} b_{skj}`, from [S, I, K] and [S, K, J].

    Each element has the units of a row and of a column. Edges weigh 1: how strong they are depends
    on the input. What the activations were multiplied by is left out, as the provenance says.
    """
    rows, row = _sets(build, one)
    columns, column = _sets(build, Activation(two.units.transpose(1, 2)))
    first, same = distinct(np.concatenate([row, column], axis=1))
    met, numbers = _meetings(row[first], column[first], len(columns))
    held = np.concatenate([rows[met // len(columns)], columns[met % len(columns)]], axis=1)
    found = gathered(build, held, numbers, name, shape)
    layer = build.layers[-1].name
    build.input_dependent.append(layer)
    if one.factor is not None or two.factor is not None:
        build.factors[layer] = {"kind": "factors that arrive", "folded": "left out"}
    return found.changed(lambda x: x[torch.from_numpy(same)])


def gathered(
    build: Builder, sets: Ints, numbers: Ints, name: str, shape: Sequence[int],
    factor: NDArray[np.float64] | None = None,
) -> Activation:  # fmt: skip
    """A new junction with a unit for each set [P, K], fed by all in it; elements have numbers.

    A set without units is `NOTHING`. With factors of units, edges weigh them as often as the unit
    is in the set; without, they weigh 1.
    """
    some = (sets != NOTHING).any(axis=1)
    build.check_room(name, int((sets != NOTHING).sum()))
    start = build.add_layer(name, "junction", shape, int(some.sum()))
    unit = np.where(some, np.cumsum(some) - 1 + start, NOTHING)
    source, target = sets[sets != NOTHING], np.repeat(unit, (sets != NOTHING).sum(axis=1))
    stop = build.layers[-1].stop
    key, times = np.unique(source * stop + target, return_counts=True)
    weight = np.ones(key.size) if factor is None else factor[key // stop] * times
    build.wire(key // stop, key % stop, weight)
    return Activation(torch.from_numpy(unit[numbers]))


def _sets(build: Builder, given: Activation) -> tuple[Ints, Ints]:
    """Sets of units along the last dimension [G, K], and which one stands where [S, N]."""
    units = given.units.numpy()
    if build.plan.granularity == "channel":
        rows, place = merged(units)
    else:
        flat = units.reshape(-1, units.shape[-1])
        first, place = distinct(flat)
        rows, place = flat[first], place.reshape(units.shape[:-1])
    found, set_of = sets(rows)
    return found, set_of[place]


def _meetings(row: Ints, column: Ints, n_columns: int) -> tuple[Ints, Ints]:
    """Pairs row · n_columns + column as first met, and which one is where [S, I, J]."""
    keys, places = [], []
    for rows, columns in zip(row, column, strict=True):
        row_first, row_place = _first_met(rows)
        column_first, column_place = _first_met(columns)
        keys.append((row_first[:, None] * n_columns + column_first).reshape(-1))
        places.append(row_place[:, None] * column_first.size + column_place)
    joined = np.concatenate(keys)
    first, number = distinct(joined[:, None])
    offsets = np.cumsum([0, *(x.size for x in keys)])[:-1]
    return joined[first], np.stack(
        [number[place + start] for place, start in zip(places, offsets, strict=True)]
    )


def _first_met(values: Ints) -> tuple[Ints, Ints]:
    """Different values in the order in which they come, and which one each is."""
    first, place = distinct(values[:, None])
    return values[first], place
