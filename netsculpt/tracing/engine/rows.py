"""Which rows of an array of units are the same, in order or as sets."""

from __future__ import annotations

import numpy as np

from netsculpt.tracing.engine.activation import NOTHING
from netsculpt.tracing.engine.edges import Ints

__all__ = ["bags", "completed", "distinct", "merged", "sets"]


def distinct(rows: Ints) -> tuple[Ints, Ints]:
    """First index of each distinct row of [N, K], in order; and which of them each row is [N]."""
    if (rows == rows[:1]).all():
        return np.zeros(min(len(rows), 1), np.int64), np.zeros(len(rows), np.int64)
    odd = np.random.default_rng(0).integers(1, 2**62, rows.shape[1], dtype=np.int64) * 2 + 1
    _, first, place = np.unique(rows @ odd, return_index=True, return_inverse=True)
    if (rows[first][place] != rows).any():  # two rows with one sum: sort whole rows, which is slow
        _, first, place = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return first[order], np.argsort(order)[place.reshape(-1)]


def merged(rows: Ints) -> tuple[Ints, Ints]:
    """Distinct rows [G, K] of units [S, N, K], and which of them each row is [S, N].

    Rows of a slice that differ only where one has no unit are the same if all rows of the slice
    agree on the unit there; the distinct row then has that unit. So padding and class tokens are
    positions like the others.
    """
    flat = rows.reshape(-1, rows.shape[-1])
    first, place = distinct(flat)
    if not (rows == NOTHING).any():
        return flat[first], place.reshape(rows.shape[:-1])
    top = rows.max(axis=1, keepdims=True, initial=NOTHING)
    low = np.where(rows == NOTHING, np.iinfo(np.int64).max, rows).min(axis=1, keepdims=True)
    filled = np.where((rows == NOTHING) & (low == top), top, rows).reshape(flat.shape)
    first, place = distinct(filled)
    complete = np.full((first.size, rows.shape[-1]), NOTHING)
    np.maximum.at(complete, place, flat)
    return complete, place.reshape(rows.shape[:-1])


def bags(rows: Ints) -> tuple[Ints, Ints]:
    """Distinct rows [G, K] up to the order of their units, sorted; and which one each row is."""
    first, place = distinct(rows)
    ordered = np.sort(rows[first], axis=1)
    again, bag_of = distinct(ordered)
    return ordered[again], bag_of[place]


def sets(rows: Ints) -> tuple[Ints, Ints]:
    """Distinct sets of units [G, K] among rows [N, K], and which of them each row is [N].

    A set has each unit once, after as many `NOTHING` as fill the row.
    """
    units, place = bags(rows)
    units[:, 1:][units[:, 1:] == units[:, :-1]] = NOTHING
    units, set_of = bags(units)
    return units, set_of[place]


def completed(meetings: Ints) -> Ints:
    """Which meeting of units represents each of the meetings [M, A], by index [M].

    One that lacks a unit is represented by the full one with all of its others, if only one is.
    """
    representative = np.arange(len(meetings))
    lacking = meetings == NOTHING
    full = np.flatnonzero(~lacking.any(axis=1))
    for lack in np.unique(lacking, axis=0):
        if not lack.any() or lack.all():
            continue
        partial = np.flatnonzero((lacking == lack).all(axis=1))
        _, key = distinct(meetings[np.concatenate([full, partial])][:, ~lack])
        whole, part = key[: full.size], key[full.size :]
        only = np.zeros(key.max() + 1, np.int64)
        only[whole] = full
        alone = np.bincount(whole, minlength=only.size)[part] == 1
        representative[partial] = np.where(alone, only[part], partial)
    return representative
