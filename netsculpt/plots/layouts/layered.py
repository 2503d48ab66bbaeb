"""Positions of the units of a layered graph on paper: columns for layers, lanes for modules.

Modules keep one order from top to bottom in every layer, so that their hulls never cross. Inside a
module the order comes from sweeps that put each unit at the mean height of its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.graph.graph import NetGraph
from netsculpt.plots.layouts.sweeps import (
    SWEEPS,
    Floats,
    Ints,
    aligned,
    line_order,
    neighbour_mean,
    smoothed,
)

__all__ = ["Layout", "layered"]

_LARGEST, _LEGIBLE, _SMALLEST = 9.0, 3.2, 0.05  # diameter of a unit, points
_WIDEST_GAP = 8.0  # between two modules, points
_BAND = 0.42  # largest share of the distance between two layers that a layer takes
_STRAIGHT = 4.0  # how much more strongly a module is pulled to itself than to others


@dataclass(frozen=True, eq=False)
class Layout:
    """Positions in points, y downwards."""

    x: Floats  # [U]
    y: Floats  # [U]
    diameter: Floats  # [L]
    column: Floats  # [L] middle of each layer
    half_width: Floats  # [L] of the band of its units
    segment_layer: Ints  # [S] a segment: the units of one module in one layer
    segment_label: Ints  # [S] −1 = no module
    low: Floats  # [S] upper edge of the topmost units
    high: Floats  # [S] lower edge of the lowest units
    gap: float  # smallest distance between two segments of a layer
    height: float  # of the box


@dataclass(frozen=True, eq=False)
class _Segments:
    of_unit: Ints  # [U]
    layer: Ints  # [S] ascending
    label: Ints  # [S]
    lane: Ints  # [S] module, or a separate lane for a layer's units without a module
    n_units: Ints  # [S]


@dataclass(frozen=True, eq=False)
class _Grid:
    """How a layer's units are packed."""

    diameter: float
    columns: int
    pitch_x: float
    pitch_y: float


def layered(graph: NetGraph, labels: NDArray[np.integer], width: float, height: float) -> Layout:
    """Place the units of `graph` in a box of `width` × `height` points. Cost O(E) per sweep.

    Labels below 0 mean no module; units with the same such label stay together in their layer.
    """
    segments = _segments(graph, labels)
    pull = _pull(graph)
    member = csr_array(
        (np.ones(graph.n_units), segments.of_unit, np.arange(graph.n_units + 1)),
        (graph.n_units, segments.layer.size),
    )
    between = csr_array(member.T @ pull @ member)
    rank = _lane_rank(between, segments)
    crowd = int(np.bincount(segments.layer).max(initial=1))
    gap = float(np.clip(0.3 * height / crowd, 0.4, _WIDEST_GAP))
    of_layer = _by_layer(segments, rank, len(graph.layers))
    n_columns = max(len(graph.layers) - 1, 0)
    band = _BAND * width / (n_columns + _BAND) if n_columns else width
    grids = _grids([segments.n_units[chosen] for chosen in of_layer], band, height, gap)
    extent = np.array([grids[layer].pitch_y for layer in segments.layer]) * np.ceil(
        segments.n_units / [grids[layer].columns for layer in segments.layer]
    )
    gap = _widened(gap, extent, segments, height)
    top = aligned(_straight(between, segments), of_layer, extent, gap, height) - extent / 2
    x, y = _unit_places(graph, pull, segments, grids, top)
    half = np.array([(g.columns - 1) * g.pitch_x + g.diameter for g in grids]) / 2
    column = np.array([width / 2] * len(grids))
    if n_columns:
        column = np.linspace(half[0] + gap, width - half[-1] - gap, len(grids))
    segment_grids = [grids[layer] for layer in segments.layer]
    spare = np.array([grid.pitch_y - grid.diameter for grid in segment_grids]) / 2
    return Layout(
        x=x + column[graph.layer_of],
        y=y,
        diameter=np.array([grid.diameter for grid in grids]),
        column=column,
        half_width=half,
        segment_layer=segments.layer,
        segment_label=segments.label,
        low=top + spare,
        high=top + extent - spare,
        gap=gap,
        height=height,
    )


def _segments(graph: NetGraph, labels: NDArray[np.integer]) -> _Segments:
    n_modules, least = int(labels.max(initial=-1)) + 1, int(labels.min(initial=-1))
    key = graph.layer_of.astype(np.int64) * (n_modules - least) + labels - least
    keys, of_unit, n_units = np.unique(key, return_inverse=True, return_counts=True)
    layer, label = keys // (n_modules - least), keys % (n_modules - least) + least
    lane = np.where(label < 0, n_modules + np.arange(keys.size), label)
    return _Segments(of_unit, layer, np.maximum(label, -1), lane, n_units)


def _pull(graph: NetGraph) -> csr_array:
    """Strength with which each edge pulls: 1 plus its |weight| over the mean."""
    magnitude = np.abs(graph.weights.data.astype(np.float64))
    mean = magnitude.mean() if magnitude.size else 0.0
    data = 1.0 + (magnitude / mean if mean > 0 else magnitude)
    return csr_array((data, graph.weights.indices, graph.weights.indptr), graph.weights.shape)


def _lane_rank(between: csr_array, segments: _Segments) -> Ints:
    """Rank of each segment's lane from top to bottom [S]."""
    lanes, lane = np.unique(segments.lane, return_inverse=True)
    n = segments.lane.size
    fold = csr_array((np.ones(n), lane, np.arange(n + 1)), (n, lanes.size))
    tied = fold.T @ between @ fold
    return np.argsort(line_order(csr_array(tied + tied.T)))[lane]


def _widened(gap: float, extent: Floats, segments: _Segments, height: float) -> float:
    """The gap, made larger if even the fullest layer has height to spare."""
    n_segments = np.bincount(segments.layer)
    free = (height - np.bincount(segments.layer, extent))[n_segments > 1]
    return max(gap, float((free / (n_segments[n_segments > 1] - 1)).min(initial=_WIDEST_GAP)))


def _straight(between: csr_array, segments: _Segments) -> csr_array:
    """Ties between segments, stronger inside a module."""
    ties = between.tocoo()
    same = segments.lane[ties.row] == segments.lane[ties.col]
    return csr_array((ties.data * np.where(same, _STRAIGHT, 1.0), (ties.row, ties.col)), ties.shape)


def _by_layer(segments: _Segments, rank: Ints, n_layers: int) -> list[Ints]:
    """Segments of each layer, from top to bottom."""
    order = np.lexsort((rank, segments.layer))
    return np.split(order, np.searchsorted(segments.layer, np.arange(1, n_layers)))


def _grids(n_units: list[Ints], band: float, height: float, gap: float) -> list[_Grid]:
    own = [_largest_that_fits(n, band, height, gap) for n in n_units]
    most = max(1.7 * min(own, default=_LARGEST), 3.5)  # so that the layers of a plot look alike
    return [
        _grid(n, min(size, most), band, height, gap) for n, size in zip(n_units, own, strict=True)
    ]


def _largest_that_fits(n_units: Ints, band: float, height: float, gap: float) -> float:
    """Diameter in one column if units can be told apart, else in as many as the band holds."""
    room = height - gap * (n_units.size - 1)
    alone = room / (1.2 * max(n_units.sum(), 1))
    if alone >= _LEGIBLE:
        return min(float(alone), _LARGEST, band)
    for size in np.geomspace(_LEGIBLE, _SMALLEST, 120):
        columns = max(int(band / (1.2 * size)), 1)
        if np.ceil(n_units / columns).sum() * 1.2 * size <= room:
            return float(size)
    return _SMALLEST


def _grid(n_units: Ints, size: float, band: float, height: float, gap: float) -> _Grid:
    """As few columns as suffice, then as much space between the rows as there is."""
    room = height - gap * (n_units.size - 1)
    columns = np.arange(1, max(int(band / (1.2 * size)), 1) + 1)
    rows = np.ceil(n_units[:, None] / columns).sum(axis=0)
    fits = np.flatnonzero(rows * 1.2 * size <= room)
    chosen = int(fits[0]) if fits.size else columns.size - 1
    airy = 2.0 if chosen == 0 else 1.3
    pitch = min(airy * size, room / max(rows[chosen], 1.0))
    return _Grid(size, int(columns[chosen]), 1.2 * size, float(pitch))


def _unit_places(
    graph: NetGraph, pull: csr_array, segments: _Segments, grids: list[_Grid], top: Floats
) -> tuple[Floats, Floats]:
    """Positions of the units, x from the middle of their layer, by sweeps that reduce crossings.

    Of all sweeps, from two starts, the one with the shortest edges is kept.
    """
    x, y = np.zeros(graph.n_units), np.zeros(graph.n_units)

    def settle(layer: int, wanted: Floats) -> None:
        units = graph.layers[layer].units
        segment, grid = segments.of_unit[units], grids[layer]
        order = np.lexsort((wanted, segment))
        sorted_segment = segment[order]
        rank = np.arange(order.size) - np.searchsorted(sorted_segment, sorted_segment)
        row, column = np.divmod(rank, grid.columns)
        in_row = np.minimum(grid.columns, segments.n_units[sorted_segment] - row * grid.columns)
        x[units.start + order] = (column - (in_row - 1) / 2) * grid.pitch_x
        y[units.start + order] = top[sorted_segment] + (row + 0.5) * grid.pitch_y

    sources, targets, backward = graph.sources, graph.weights.indices, csr_array(pull.T)
    layers = list(enumerate(graph.layers))
    best, least = (x, y), np.inf
    for start in (np.arange(float(graph.n_units)), smoothed(csr_array(pull + backward))):
        for i, layer in layers:
            settle(i, start[layer.units])
        for ties in [backward, pull] * SWEEPS:
            for i, layer in reversed(layers) if ties is pull else layers:
                settle(i, neighbour_mean(ties[layer.units], y, y[layer.units]))
            length = float((pull.data * np.abs(y[sources] - y[targets])).sum())
            if length < least:
                least, best = length, (x.copy(), y.copy())
    return best
