"""Edges of a walk graph one by one, and the units that lie on paths of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order

from netsculpt.training.pruning.walks.graph import WalkGraph

__all__ = ["dispensable", "kept_edges", "live_units"]

Ints = NDArray[np.int64]


def kept_edges(graph: WalkGraph, kept: NDArray[np.bool_]) -> tuple[Ints, Ints, Ints]:
    """Source, target and scalar of the edges of kept scalars [n_scalars], and of uncounted ones.

    An uncounted weight of 0 is not an edge, as when the net is traced: no mask says that it is one.
    """
    present = np.append(kept, graph.strength[kept.size :] > 0)
    parts = [np.zeros((3, 0), np.int64)]
    for connection in graph.connections:
        scalars = graph.scalars_of(connection)
        row, local, tap = np.nonzero(present[scalars])
        column = row // (connection.shape[0] // connection.groups) * connection.shape[1] + local
        order = np.argsort(connection.column, kind="stable")
        by_column = connection.column[order]
        begin = np.searchsorted(by_column, column)
        times = np.searchsorted(by_column, column, side="right") - begin
        entry = np.repeat(np.arange(column.size), times)
        place = np.arange(entry.size) + np.repeat(begin - np.cumsum(times) + times, times)
        units = connection.unit[order[place]], connection.rows[row[entry]]
        parts.append(np.stack([*units, scalars[row, local, tap][entry]]))
    source, target, scalar = np.concatenate(parts, axis=1)
    return source, target, scalar


def live_units(graph: WalkGraph, source: Ints, target: Ints) -> NDArray[np.bool_]:
    """Units on paths from inputs to outputs along these edges and all wires [U]."""
    source = np.concatenate([source, graph.wires[:, 0]])
    target = np.concatenate([target, graph.wires[:, 1]])
    n_units = graph.layer_of.size
    return _reached(source, target, graph.inputs, n_units) & _reached(
        target, source, graph.outputs, n_units
    )


def dispensable(source: Ints, target: Ints, scalar: Ints, candidates: Ints, most: int) -> list[int]:
    """Scalars that can go, one after the other, while every unit keeps an edge in and one out.

    The edges are those between live units; `candidates` are tried in their order, until `most` go.
    """
    order = np.argsort(scalar, kind="stable")
    source, target, scalar = source[order], target[order], scalar[order]
    leaving, arriving = np.bincount(source), np.bincount(target)
    needed = scalar[(leaving[source] < 2) | (arriving[target] < 2)]
    chosen: list[int] = []
    for candidate in candidates[~np.isin(candidates, needed)].tolist():
        if len(chosen) >= most:
            break
        edges = slice(*np.searchsorted(scalar, [candidate, candidate + 1]))
        np.subtract.at(leaving, source[edges], 1)
        np.subtract.at(arriving, target[edges], 1)
        if leaving[source[edges]].all() and arriving[target[edges]].all():
            chosen.append(candidate)
        else:
            np.add.at(leaving, source[edges], 1)
            np.add.at(arriving, target[edges], 1)
    return chosen


def _reached(source: Ints, target: Ints, starts: Ints, n_units: int) -> NDArray[np.bool_]:
    """Units that can be reached from any start [U]; one more unit leads to all starts."""
    pairs = np.append(source, np.full(starts.size, n_units)), np.append(target, starts)
    shape = (n_units + 1, n_units + 1)
    matrix = coo_array((np.ones(pairs[0].size, bool), pairs), shape).tocsr()
    reached = np.zeros(n_units + 1, bool)
    reached[breadth_first_order(matrix, n_units, return_predecessors=False)] = True
    return reached[:n_units]
