"""Products of two activations, summed over a dimension: one unit per pair of sets that meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.builder import Builder
from netsculpt.tracing.engine.edges import Ints
from netsculpt.tracing.engine.junction import join_sets
from netsculpt.tracing.engine.rows import distinct, merged, sets

__all__ = ["multiply"]


def multiply(
    builder: Builder, one: Activation, two: Activation, name: str, shape: Sequence[int]
) -> Activation:
    r"""Add the junction of :math:`\sum_k a_{sik} b_{skj}`, from [S, I, K] and [S, K, J].

    The units of a row and of a column feed each element. Edges have weight 1, as their strength
    depends on the input. Factors of the activations are left out, as the provenance says.
    """
    one, two = _without_zeros(one, two)
    apart = two.units != two.units[:, :1]
    zero = (one.units == NOTHING) & (one.factors == 0)
    if bool(zero.any()) and bool(apart.any()):  # a row does not take what it multiplies by 0
        n, height, width = one.units.shape
        alone = Activation(one.units.reshape(n * height, 1, width))
        each = two.units[:, None].expand(n, height, width, -1).masked_fill(zero[..., None], NOTHING)
        taken = Activation(each.reshape(n * height, width, -1))
        made = multiply(builder, alone, taken, name, shape)
        return made.changed(lambda x: x.view(n, height, -1))
    rows, row = _sets(builder, one)
    columns, column = _sets(builder, Activation(two.units.transpose(1, 2)))
    first, same = distinct(np.concatenate([row, column], axis=1))
    met, numbers = _meetings(row[first], column[first], len(columns))
    members = np.concatenate([rows[met // len(columns)], columns[met % len(columns)]], axis=1)
    product = join_sets(builder, members, numbers, name, shape)
    layer = builder.layers[-1].name
    builder.input_dependent.append(layer)
    if one.is_scaled or two.is_scaled:
        builder.factors[layer] = {"kind": "factors that arrive", "folded": "left out"}
    product = product.changed(lambda x: x[torch.from_numpy(same)])
    builder.place_units(product.units.numpy())
    return product


def _without_zeros(one: Activation, two: Activation) -> tuple[Activation, Activation]:
    """Both without what a whole column of the first, or row of the second, multiplies by 0."""
    columns, rows = (
        None if zero is None else zero.all(dim) for zero, dim in ((one.zero, 1), (two.zero, 2))
    )
    if columns is not None:
        two = replace(two, units=two.units.masked_fill(columns[:, :, None], NOTHING))
    if rows is not None:
        one = replace(one, units=one.units.masked_fill(rows[:, None], NOTHING))
    return one, two


def _sets(builder: Builder, activation: Activation) -> tuple[Ints, Ints]:
    """Distinct sets of units along the last dimension [G, K], and which one is where [S, N]."""
    units = activation.units.numpy()
    if builder.options.granularity == "channel":
        rows, place = merged(units)
    else:
        flat = units.reshape(-1, units.shape[-1])
        first, place = distinct(flat)
        rows, place = flat[first], place.reshape(units.shape[:-1])
    distinct_sets, set_of = sets(rows)
    return distinct_sets, set_of[place]


def _meetings(row: Ints, column: Ints, n_columns: int) -> tuple[Ints, Ints]:
    """Distinct pairs row · n_columns + column, and which one is where [S, I, J]."""
    keys, places = [], []
    for rows, columns in zip(row, column, strict=True):
        row_first, row_place = _distinct(rows)
        column_first, column_place = _distinct(columns)
        keys.append((row_first[:, None] * n_columns + column_first).reshape(-1))
        places.append(row_place[:, None] * column_first.size + column_place)
    met, number = _distinct(np.concatenate(keys))
    offsets = np.cumsum([0, *(x.size for x in keys)])[:-1]
    return met, np.stack(
        [number[place + start] for place, start in zip(places, offsets, strict=True)]
    )


def _distinct(values: Ints) -> tuple[Ints, Ints]:
    """Distinct values in order of appearance, and which of them each value is."""
    first, place = distinct(values[:, None])
    return values[first], place
