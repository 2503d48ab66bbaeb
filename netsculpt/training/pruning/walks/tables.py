"""What compiled walks look up: sums of kernels, and where each unit leads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.compiled import grouped
from netsculpt.core.errors import GraphError
from netsculpt.core.parallel import in_threads
from netsculpt.training.pruning.walks._compiled_tables import (
    follow_wires,
    kernel_sums,
    runs,
    sorted_branches,
)
from netsculpt.training.pruning.walks.graph import WalkGraph

__all__ = ["Moves", "Tables", "walk_tables"]

Ints = NDArray[np.int64]

_SEVERAL = 1 << 17  # kernels, above which threads pay off


class Moves(NamedTuple):
    """Moves of walks in one direction: a branch of the unit, then a choice, each equally likely.

    A run is a column of a weight, or a row for walks backward.
    """

    starts: Ints  # units where walks begin
    ends: NDArray[np.bool_]  # [U] units where they may end
    of_unit: Ints  # [U + 1] first branch
    of_branch: Ints  # [branches + 1] first choice
    choices: Ints  # a run; or ~unit, at the other end of a wire
    runs: Ints  # [runs, 6] see `netsculpt.training.pruning.walks._compiled_tables.runs`
    bounds: NDArray[np.float64]  # [runs] the highest sum
    first_unit: Ints  # [places + 1] of the units that each place of a run leads to
    units: Ints


class Tables(NamedTuple):
    """All that walks in a net look up."""

    strength: NDArray[np.floating]  # of each entry
    listed: NDArray[np.integer]  # scalars of entries that are not their own
    n_scalars: int  # entries that are
    sums: NDArray[np.floating]  # of each kernel, weights as they are [out, width]
    forward: Moves
    backward: Moves


def walk_tables(graph: WalkGraph, jobs: int = 1) -> Tables:
    """Tables for any number of masks of one net; memory 4 or 8 bytes per kernel."""
    numbers, weights, n_kernels, n_rows, n_columns = _weights(graph)
    strength = graph.strength
    if graph.listed.size:
        strength = np.concatenate([strength, strength[graph.listed]])
    sums = np.empty(n_kernels, graph.strength.dtype)
    highest = np.empty(n_rows), np.empty(n_columns)

    def fill(which: Ints) -> bool:
        return bool(kernel_sums(strength, weights, which, sums, *highest))

    every = np.arange(len(weights))
    if n_kernels < _SEVERAL:
        jobs = 1
    parts = [every] if jobs == 1 else np.split(every, len(every))
    if not all(in_threads(fill, parts, jobs)):
        raise GraphError(
            "some strengths are negative or not finite: walks need weights without NaN and "
            "infinity; a negative power makes infinities of tiny weights"
        )
    rows, row_bounds, columns, column_bounds = runs(numbers, weights, *highest)
    of_connection = weights[numbers]
    indices = np.arange(len(numbers))
    n_pairs = np.array([x.unit.size for x in graph.connections], np.int64)
    row_units = _joined(x.rows for x in graph.connections)
    column_units = _joined(x.unit for x in graph.connections)
    n_columns_of = of_connection[:, 4] * of_connection[:, 2]
    first_column = np.cumsum(n_columns_of) - n_columns_of
    column = _joined(x.column for x in graph.connections) + np.repeat(first_column, n_pairs)
    first_unit, order = grouped(column, len(columns))
    return Tables(
        strength,
        graph.listed,
        graph.strength.size,
        sums,
        _moves(
            graph,
            (column_units, np.repeat(indices, n_pairs), column),
            (columns, column_bounds),
            (np.arange(len(rows) + 1), row_units),
        ),
        _moves(
            graph,
            (row_units, np.repeat(indices, of_connection[:, 1]), np.arange(len(rows))),
            (rows, row_bounds),
            (first_unit, column_units[order]),
            backward=True,
        ),
    )


def _weights(graph: WalkGraph) -> tuple[Ints, Ints, int, int, int]:
    """The weight of each connection (copies of a layer share one), weights, and their sizes.

    For each weight [8] its first entry, out, width, taps, groups, first kernel, row and column.
    """
    distinct: dict[tuple[int, ...], int] = {}
    numbers = [
        distinct.setdefault((x.first, *x.shape, x.groups), len(distinct)) for x in graph.connections
    ]
    weights = np.zeros((len(distinct), 8), np.int64)
    kernel = row = column = 0
    for index, (first, n_out, width, taps, groups) in enumerate(distinct):
        weights[index] = first, n_out, width, taps, groups, kernel, row, column
        kernel, row, column = kernel + n_out * width, row + n_out, column + groups * width
    return np.array(numbers, np.int64), weights, kernel, row, column


def _moves(
    graph: WalkGraph,
    run_of: tuple[Ints, Ints, Ints],  # units, connections and runs that they may take
    runs: tuple[Ints, NDArray[np.float64]],
    led_to: tuple[Ints, Ints],
    *,
    backward: bool = False,
) -> Moves:
    ends = graph.inputs, graph.outputs
    starts, stops = ends[::-1] if backward else ends
    if not starts.size:
        raise GraphError("the net has no inputs or no outputs: walks need both")
    n_units, n_connections = graph.layer_of.size, len(graph.connections)
    source, target = graph.wires.T[::-1] if backward else graph.wires.T
    layer = graph.layer_of[target]
    by_layer = np.argsort(layer, kind="stable")
    wire_of = source[by_layer], n_connections + layer[by_layer], ~target[by_layer]
    unit, branch, choice = (np.concatenate(pair) for pair in zip(run_of, wire_of, strict=True))
    of_unit, of_branch, choices = sorted_branches(unit, branch, choice, n_units)
    first_unit, units = led_to
    wired = choices < 0
    led, wired_to = units.copy(), ~choices[wired]
    follow_wires(led, of_unit, of_branch, choices)
    follow_wires(wired_to, of_unit, of_branch, choices)
    choices[wired] = ~wired_to
    may_end = np.zeros(n_units, dtype=bool)
    may_end[stops] = True
    return Moves(
        starts.astype(np.int64), may_end, of_unit, of_branch, choices, *runs, first_unit, led
    )


def _joined(parts: Iterable[NDArray[Any]]) -> Ints:
    return np.concatenate([np.zeros(0, np.int64), *parts])
