"""The network as the page draws it: which part, and where each unit stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.core.selecting import worthiest
from netsculpt.graph.graph import NetGraph, live_units, wiring_edges
from netsculpt.plots.layouts.columns import Columns, in_columns
from netsculpt.plots.layouts.layered import Layout, layered
from netsculpt.plots.layouts.strength import strength

__all__ = ["MOST_EDGES", "MOST_UNITS", "Boxes", "Drawn", "drawn"]

MOST_UNITS: Final = 100_000
MOST_EDGES: Final = 1_000_000
_WIDTH, _HEIGHT = 1000.0, 560.0  # of the drawing, points
_AIRY: Final = 24.0  # points from unit to unit if there are few: no taller than that
_LEAST: Final = 0.35  # of the drawing's size, however few units there are


@dataclass(frozen=True, eq=False)
class Boxes:
    """Where the units of each module are in each column, by column and label."""

    column: NDArray[np.int64]  # [B]
    label: NDArray[np.int64]  # [B] −1 = no module
    left: NDArray[np.float64]  # [B]
    right: NDArray[np.float64]  # [B]
    low: NDArray[np.float64]  # [B] upper edge: y is downwards
    high: NDArray[np.float64]  # [B]
    column_of_layer: NDArray[np.int64]  # [L]


@dataclass(frozen=True, eq=False)
class Drawn:
    """The drawn units and edges: [u] units in ascending order, [e] edges by source and target."""

    unit: NDArray[np.intp]  # [u] index in the graph
    x: NDArray[np.float32]  # [u]
    y: NDArray[np.float32]  # [u] downwards
    diameter: NDArray[np.float32]  # [u]
    out_degree: NDArray[np.int64]  # [u] drawn edges that leave it
    target: NDArray[np.int64]  # [e] index among the drawn units
    edge: NDArray[np.intp]  # [e] index in the graph
    weight: NDArray[np.floating]  # [e]
    strength: NDArray[np.uint8]  # [e] |weight| over that of a heavy edge of its layers, 0 … 255
    wiring: NDArray[np.bool_]  # [e]
    columns: tuple[tuple[str, float], ...]  # name and x of each column of layers
    boxes: Boxes
    width: float  # of the drawing, points
    height: float
    totals: Mapping[str, int]  # units and edges, live ones, and drawn ones


def drawn(
    graph: NetGraph,
    labels: NDArray[np.integer],
    share: NDArray[np.float64],
    *,
    most_edges: int = MOST_EDGES,
) -> Drawn:
    """Choose what to draw and place it.

    All live units and the edges between them, if the browser can take as many; else the units with
    the largest path `share` [U] of each layer, and the heaviest edges of each pair of layers: the
    same fraction of each. `labels` [U] are the modules that keep together, −1 = none. O(E log E).
    """
    live = live_units(graph)
    unit = worthiest(np.flatnonzero(live), share, graph.layer_of, MOST_UNITS)
    sources, targets = graph.sources, graph.weights.indices
    chosen = np.zeros(graph.n_units, dtype=bool)
    chosen[unit] = True
    pair = graph.layer_of[sources].astype(np.int64) * len(graph.layers) + graph.layer_of[targets]
    magnitude = np.abs(graph.weights.data)
    between = np.flatnonzero(chosen[sources] & chosen[targets])
    edge = worthiest(between, magnitude, pair, most_edges)
    number = np.cumsum(chosen) - 1
    part = _part(graph, unit, number[sources[edge]], number[targets[edge]], edge)
    columns = in_columns(part)
    layer, given = part.layer_of[columns.unit], labels[unit][columns.unit]
    tallest = max((column.n_units for column in columns.graph.layers), default=0)
    scale = float(np.clip(_AIRY * tallest / _HEIGHT, _LEAST, 1.0))
    width, height = scale * _WIDTH, scale * _HEIGHT
    layout = layered(columns.graph, np.where(given < 0, -1 - layer, given), width, height)
    x, y, diameter = np.zeros((3, unit.size), np.float32)
    x[columns.unit], y[columns.unit] = layout.x, layout.y
    diameter[columns.unit] = layout.diameter[columns.graph.layer_of]
    both_live = int(np.count_nonzero(live[sources] & live[targets]))
    return Drawn(
        unit=unit,
        x=x,
        y=y,
        diameter=diameter,
        out_degree=np.diff(part.weights.indptr).astype(np.int64),
        target=part.weights.indices.astype(np.int64),
        edge=edge,
        weight=graph.weights.data[edge],
        strength=(255 * strength(magnitude[edge], pair[edge])).astype(np.uint8),
        wiring=wiring_edges(graph)[edge],
        columns=tuple(
            (column.name, float(at))
            for column, at in zip(columns.graph.layers, layout.column, strict=True)
        ),
        boxes=_boxes(layout, _columns_of_layers(graph, unit, columns)),
        width=width,
        height=height,
        totals={
            "units": graph.n_units,
            "edges": graph.n_edges,
            "live_units": int(live.sum()),
            "live_edges": both_live,
            "drawn_units": int(unit.size),
            "drawn_edges": int(edge.size),
        },
    )


def _columns_of_layers(
    graph: NetGraph, unit: NDArray[np.intp], columns: Columns
) -> NDArray[np.int64]:
    """The column of each layer of the whole graph [L]; 0 for one without drawn units."""
    found = np.zeros(len(graph.layers), np.int64)
    found[graph.layer_of[unit[columns.unit]]] = columns.graph.layer_of
    return found


def _boxes(layout: Layout, column_of_layer: NDArray[np.int64]) -> Boxes:
    """The segments of a layout; those without a module in one column, of several layers, as one."""
    column, label = layout.segment_layer, layout.segment_label
    least = int(label.max(initial=-1)) + 2
    keys, place = np.unique(column * least + label + 1, return_inverse=True)
    low, high = np.full(keys.size, np.inf), np.full(keys.size, -np.inf)
    np.minimum.at(low, place, layout.low)
    np.maximum.at(high, place, layout.high)
    at = keys // least
    return Boxes(
        column=at,
        label=keys % least - 1,
        left=layout.column[at] - layout.half_width[at],
        right=layout.column[at] + layout.half_width[at],
        low=low,
        high=high,
        column_of_layer=column_of_layer,
    )


def _part(
    graph: NetGraph,
    unit: NDArray[np.intp],
    source: NDArray[np.intp],
    target: NDArray[np.intp],
    edge: NDArray[np.intp],
) -> NetGraph:
    """The graph of some units and edges; layers without a unit are left out."""
    bounds = np.searchsorted(unit, [layer.start for layer in graph.layers] + [graph.n_units])
    kept = [
        type(layer)(layer.name, layer.role, layer.shape, int(start), int(stop))
        for layer, start, stop in zip(graph.layers, bounds[:-1], bounds[1:], strict=True)
        if stop > start
    ]
    names = {layer.name for layer in kept}
    blocks = tuple(x for x in graph.blocks if {x.source, x.target} <= names)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(source, minlength=unit.size))])
    weights = csr_array(
        (graph.weights.data[edge], target.astype(np.int32), indptr.astype(np.int32)),
        (unit.size, unit.size),
    )
    return NetGraph(weights, None, tuple(kept), blocks)
