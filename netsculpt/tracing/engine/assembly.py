"""The edges of all layers as the rows of one matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.graph.graph import WIRING
from netsculpt.tracing.engine.edges import Edges, Ends, Ints
from netsculpt.tracing.engine.entries import Listed
from netsculpt.tracing.engine.scalars import numberings

__all__ = ["assembled"]


def assembled(
    edges: Sequence[Edges], n_units: int
) -> tuple[csr_array, NDArray[np.int32] | None, NDArray[np.int32] | None]:
    """Weights [U, U], scalars behind each edge, and their numbers; None: 1 each, none shared.

    Edges are dropped as soon as they have their places.
    """
    numbering = numberings(edges)
    own = [x.entries.dtype for x in edges if x.kind != WIRING]
    several = any(x.entries.counted for x in edges)
    start = np.zeros(n_units + 1, np.int64)
    for x in edges:
        start[1:] += x.entries.n_leaving(n_units)
    np.cumsum(start, out=start)
    n_edges = int(start[-1])
    targets, weights = np.empty(n_edges, np.int32), np.empty(n_edges, np.result_type("f4", *own))
    counts = np.empty(n_edges, np.int32) if several else None
    numbers = None if numbering is None else np.empty(n_edges, np.int32)
    free, nothing = start[:-1].copy(), np.zeros(0, np.int32)
    for index, x in enumerate(edges):
        for part in x.entries.parts():
            place = _places(part.source, free)
            targets[place], weights[place] = part.target, part.weight
            if counts is not None:
                counts[place] = 1 if part.counts is None else part.counts
            if numbers is not None and numbering is not None:
                numbers[place] = numbering[index](part)
        x.entries = Listed(nothing, nothing, nothing)
    rows = csr_array((weights, targets, start.astype(np.int32)), (n_units, n_units))
    return _in_order(rows, counts, numbers)


def _places(source: Ends, free: Ints) -> NDArray[np.intp]:
    """Where edges go, given by source; `free` is the first free place of each unit [U]."""
    first = np.flatnonzero(np.diff(source, prepend=-1))
    n_each = np.diff(first, append=source.size)
    units = source[first]
    place = np.arange(source.size) + np.repeat(free[units] - first, n_each)
    free[units] += n_each
    return place


def _in_order(
    rows: csr_array, *columns: NDArray[np.int32] | None
) -> tuple[csr_array, NDArray[np.int32] | None, NDArray[np.int32] | None]:
    """Rows whose targets ascend, and columns of the same edges."""
    counts, numbers = columns
    if rows.has_sorted_indices or (counts is None and numbers is None):
        rows.sort_indices()
        return rows, counts, numbers
    order = csr_array((np.arange(rows.nnz, dtype=np.int32), rows.indices, rows.indptr), rows.shape)
    order.sort_indices()
    rows.data = rows.data[order.data]
    rows.has_sorted_indices = True  # as the two share them
    counts, numbers = (None if x is None else x[order.data] for x in columns)
    return rows, counts, numbers
