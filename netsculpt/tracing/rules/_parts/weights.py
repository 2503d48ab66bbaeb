"""Turn the scalars of a weight into edges between units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.graph import float_type
from netsculpt.tracing.addresses import NOWHERE, addresses, may_repeat
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.edges import (
    Columns,
    Edges,
    Entries,
    Floats,
    Ints,
    LayerWeight,
    summed,
)
from netsculpt.tracing.engine.entries import POWERS, Listed, Matrix, kept_of, real_scalars
from netsculpt.tracing.engine.scalars import of_columns
from netsculpt.tracing.program import Constant

__all__ = ["add_layer", "feed", "parts", "scalars_of"]

_AT_ONCE = 1 << 20  # edges made at a time


def add_layer(
    call: Call,
    weight: Constant,
    taken: Columns,
    *,
    kind: str,
    shape: Sequence[int],
    groups: int = 1,
) -> int:
    """Add a layer fed through a weight [out, in / groups, …]; its first unit."""
    n_units = len(weight.value) * taken.n_copies
    start = call.builder.add_layer(call.layer_name(weight), "hidden", shape, n_units)
    feed(call, weight, taken, start, kind=kind, groups=groups)
    return start


def feed(
    call: Call, weight: Constant, taken: Columns, start: int, *, kind: str, groups: int = 1
) -> None:  # fmt: skip
    """Feed the last layer, which begins at unit `start`, through a weight [out, in / groups, …].

    The weight of an edge is the norm of its scalars where it can have several, else its scalar.
    """
    builder = call.builder
    builder.layer_weights.append(LayerWeight(weight, taken, start, groups))
    _check_real(call, weight)
    norm = builder.options.edge_norm if kind == "conv" or taken.shared else "sum"
    n_taps = math.prod(weight.shape[2:])
    one_each = n_taps == 1 and not taken.shared
    entries: Entries = (
        Matrix(weight, taken, start, groups, norm)
        if one_each
        else _listed(call, weight, taken, start, groups, norm)
    )
    layers = builder.layer_of(taken.unit)
    sizes = np.bincount(layers) * (weight.shape[0] // groups * n_taps)
    size = {int(layer): int(sizes[layer]) for layer in np.flatnonzero(sizes)}
    stored = weight.parameter is not None
    made = of_columns(weight.stored, taken, start, layers, groups, stored=stored)
    fed = np.bincount(taken.column, minlength=weight.shape[1] * groups) > 0
    if stored and not fed.all():
        builder.note_constants(scalars_of(call, weight)[1], fed)
    builder.add_edges(
        Edges(entries, size, weight.parameter, kind, normed=norm != "sum", scalars=made)
    )


def _listed(
    call: Call, weight: Constant, taken: Columns, start: int, groups: int, norm: str
) -> Listed:
    """Edges with several scalars each: taps of a kernel, columns that take the same unit."""
    builder = call.builder
    scalars, keep = scalars_of(call, weight)
    n_out, width, _ = scalars.shape
    per_column = np.bincount(taken.column, minlength=width * groups).reshape(groups, 1, width)
    n_each = (keep.any(axis=2).reshape(groups, -1, width) * per_column).sum(axis=2).ravel()
    name = builder.layers[-1].name
    if not taken.shared:
        builder.check_room(name, int(n_each.sum()))
    places = _repeated(weight)
    edges: list[tuple[NDArray[Any], ...]] = []
    for rows in parts(n_each):
        out, local = np.nonzero(keep[rows].any(axis=2))
        out += rows.start
        strength, count = _normed(scalars[out, local], keep[out, local], norm)
        column = out // (n_out // groups) * width + local
        begin = np.searchsorted(taken.column, column)
        times = np.searchsorted(taken.column, column, side="right") - begin
        entry = np.repeat(np.arange(column.size), times)
        pair = np.arange(entry.size) + np.repeat(begin - np.cumsum(times) + times, times)
        strength = strength[entry] * POWERS[norm](taken.factor[pair])
        into = taken.copies[pair] * n_out + out[entry] + start
        source, target, weights, counts = summed(taken.unit[pair], into, strength, count[entry])
        if places is not None:
            each = np.where(keep[out, local], places[out, local], NOWHERE)
            counts = _n_stored(taken.unit[pair], into, each[entry], counts)
        weights = np.sqrt(weights) if norm == "l2" else weights
        weights, counts = weights.astype(float_type(scalars.dtype)), counts.astype(np.int32)
        edges.append((source, target, weights, counts))
        builder.check_room(name, sum(x[0].size for x in edges))
    return Listed(*(np.concatenate(x) for x in zip(*edges, strict=True)))


def _repeated(weight: Constant) -> Ints | None:
    """Addresses of a weight [out, in / groups, taps] in which any is there twice; else None."""
    if not may_repeat(weight.stored):
        return None
    every = addresses(weight.stored)
    flat = every.reshape(-1).numpy()
    flat = flat[flat != NOWHERE]
    if np.unique(flat).size == flat.size:
        return None
    places: Ints = every.reshape(*weight.shape[:2], -1).numpy()
    return places


def _n_stored(source: Ints, target: Ints, each: Ints, counts: Ints) -> Ints:
    """How many different stored scalars are behind each edge, by source, then by target.

    Addresses [pairs, taps] are of all that a pair of units takes. Entries that are not stored
    leave the number of an edge as it is, `counts`.
    """
    pair, tap = np.nonzero(each != NOWHERE)
    key = source.astype(np.int64) * (int(target.max(initial=0)) + 1) + target
    edges = np.unique(key)
    apart = np.unique(np.stack([key[pair], each[pair, tap]]), axis=1)
    n_apart = np.bincount(np.searchsorted(edges, apart[0]), minlength=edges.size)
    n_all = np.bincount(np.searchsorted(edges, key[pair]), minlength=edges.size)
    return np.asarray(np.maximum(counts - n_all + n_apart, 1))


def parts(n_each: Ints) -> list[slice]:
    """Slices of consecutive rows of a weight, each with about 2²⁰ edges."""
    part = np.cumsum(n_each) // _AT_ONCE
    bounds = np.flatnonzero(np.diff(part)) + 1
    return [slice(*x) for x in pairwise([0, *bounds.tolist(), part.size])]


def scalars_of(call: Call, weight: Constant) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    """Scalars of a weight [out, in, taps], and which of them are kept."""
    _check_real(call, weight)
    scalars = real_scalars(weight)
    return scalars, kept_of(weight, scalars)


def _check_real(call: Call, weight: Constant) -> None:
    if weight.value.is_complex():
        raise call.refusal("its weights are complex: real weights are needed")


def _normed(
    scalars: NDArray[np.floating], keep: NDArray[np.bool_], norm: str
) -> tuple[Floats, Ints]:
    """The norm (l2: squared) of the kept scalars [entries, taps], and their number."""
    each = POWERS[norm](scalars.astype(np.float64))
    return each.sum(axis=1, where=keep), keep.sum(axis=1)
