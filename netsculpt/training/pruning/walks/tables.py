"""What compiled walks look up: sums of kernels, and where each unit leads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.compiled import grouped
from netsculpt.core.errors import GraphError
from netsculpt.core.parallel import in_threads
from netsculpt.training.pruning.walks._compiled_tables import (
    kernel_sums,
    runs,
    settle,
    sorted_branches,
)

if TYPE_CHECKING:
    from netsculpt.training.pruning.walks.ways import Ways

__all__ = ["Roads", "Tables", "tables_of"]

Ints = NDArray[np.int64]

_SEVERAL = 1 << 17  # kernels, from which on threads pay


class Roads(NamedTuple):
    """Where walks in one direction can go; each branch of a unit is as likely, then each spot.

    A run is a column of a weight, or a row for walks backward.
    """

    starts: Ints  # units where walks begin
    ends: NDArray[np.bool_]  # [U] units where they may end
    of_unit: Ints  # [U + 1] first branch
    of_branch: Ints  # [branches + 1] first spot
    spots: Ints  # a run; or ~unit, that is wired
    runs: Ints  # [runs, 6] see `netsculpt.training.pruning.walks._compiled_tables.runs`
    bounds: NDArray[np.float64]  # [runs] the highest sum
    first_unit: Ints  # [places + 1] of the units that each place of a run leads to
    units: Ints


class Tables(NamedTuple):
    """All that walks of a net look up."""

    strength: NDArray[np.floating]  # of each entry
    listed: NDArray[np.integer]  # scalars of entries that are not their own
    n_scalars: int  # entries that are
    sums: NDArray[np.floating]  # of each kernel, weights as they are [out, width]
    forward: Roads
    backward: Roads


def tables_of(ways: Ways, jobs: int = 1) -> Tables:
    """Made once for a net; memory 4 or 8 bytes a kernel."""
    feeds, weights, n_kernels, n_rows, n_columns = _weights(ways)
    strength = ways.strength
    if ways.listed.size:
        strength = np.concatenate([strength, strength[ways.listed]])
    sums = np.empty(n_kernels, ways.strength.dtype)
    highest = np.empty(n_rows), np.empty(n_columns)

    def fill(which: Ints) -> bool:
        return bool(kernel_sums(strength, weights, which, sums, *highest))

    every = np.arange(len(weights))
    if n_kernels < _SEVERAL:
        jobs = 1
    parts = [every] if jobs == 1 else np.split(every, len(every))
    if not all(in_threads(fill, parts, jobs)):
        raise GraphError(
            "walks found strengths that are negative or not finite: weights without NaN and "
            "infinity are needed, which a negative power makes of tiny ones"
        )
    rows, row_bounds, columns, column_bounds = runs(feeds, weights, *highest)
    own = weights[feeds]
    row_units = _joined(x.rows for x in ways.feeds)
    of_feed = np.arange(len(feeds))
    pairs = np.array([x.unit.size for x in ways.feeds], np.int64)
    column_units = _joined(x.unit for x in ways.feeds)
    first_column = np.cumsum(own[:, 4] * own[:, 2]) - own[:, 4] * own[:, 2]
    at_column = _joined(x.column for x in ways.feeds) + np.repeat(first_column, pairs)
    first_unit, order = grouped(at_column, len(columns))
    on = column_units, np.repeat(of_feed, pairs), at_column
    back = row_units, np.repeat(of_feed, own[:, 1]), np.arange(len(rows))
    places = np.arange(len(rows) + 1)
    return Tables(
        strength,
        ways.listed,
        ways.strength.size,
        sums,
        _roads(ways, on, (columns, column_bounds), (places, row_units), ways.inputs, ways.outputs),
        _roads(
            ways,
            back,
            (rows, row_bounds),
            (first_unit, column_units[order]),
            ways.outputs,
            ways.inputs,
            backward=True,
        ),
    )


def _weights(ways: Ways) -> tuple[Ints, Ints, int, int, int]:
    """Which weight each feed has; copies of a layer share one.

    Of each weight [8] its first entry, out, width, taps, groups, first kernel, row and column.
    """
    known: dict[tuple[int, ...], int] = {}
    feeds = [known.setdefault((x.first, *x.shape, x.groups), len(known)) for x in ways.feeds]
    weights = np.zeros((len(known), 8), np.int64)
    kernel = row = column = 0
    for at, (first, n_out, width, taps, groups) in enumerate(known):
        weights[at] = first, n_out, width, taps, groups, kernel, row, column
        kernel, row, column = kernel + n_out * width, row + n_out, column + groups * width
    return np.array(feeds, np.int64), weights, kernel, row, column


def _roads(
    ways: Ways,
    fed: tuple[Ints, Ints, Ints],
    runs: tuple[Ints, NDArray[np.float64]],
    led_to: tuple[Ints, Ints],
    starts: Ints,
    ends: Ints,
    *,
    backward: bool = False,
) -> Roads:
    if not starts.size:
        raise GraphError("the net has no inputs or no outputs: walks need both")
    n_units, n_feeds = ways.layer_of.size, len(ways.feeds)
    source, target = ways.wires.T[::-1] if backward else ways.wires.T
    layer = ways.layer_of[target]
    by_layer = np.argsort(layer, kind="stable")
    unit, way, spot = (
        np.concatenate(x)
        for x in zip(
            fed, (source[by_layer], n_feeds + layer[by_layer], ~target[by_layer]), strict=True
        )
    )
    of_unit, of_branch, spots = sorted_branches(unit, way, spot, n_units)
    first_unit, units = led_to
    wired = spots < 0
    led, wired_to = units.copy(), ~spots[wired]
    settle(led, of_unit, of_branch, spots)
    settle(wired_to, of_unit, of_branch, spots)
    spots[wired] = ~wired_to
    may_end = np.zeros(n_units, dtype=bool)
    may_end[ends] = True
    return Roads(
        starts.astype(np.int64), may_end, of_unit, of_branch, spots, *runs, first_unit, led
    )


def _joined(parts: Iterable[NDArray[Any]]) -> Ints:
    return np.concatenate([np.zeros(0, np.int64), *parts])
