"""Edges of a layered graph: which are drawn, and how."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba_array
from numpy.typing import NDArray

from netsculpt.graph.graph import NetGraph
from netsculpt.plots._drawing.colours import NEGATIVE, POSITIVE, UNSIGNED, WIRE
from netsculpt.plots._drawing.density import density
from netsculpt.plots.layouts.columns import Columns
from netsculpt.plots.layouts.layered import Layout
from netsculpt.plots.layouts.strength import strength

__all__ = [
    "MOST_EDGES",
    "MOST_LINES",
    "SKIP_ROOM",
    "draw_density",
    "edge_lines",
    "skips_layers",
    "strongest",
]

MOST_LINES = 2000  # beyond, a picture of their density
MOST_EDGES = 100_000  # in that picture
_WIRE = 0.4  # strength with which wiring is drawn
SKIP_ROOM = 0.1  # above and below the layers, as a share of their height
_PIXELS = 220 / 72  # of a picture of edges, per point
_COLOURS = (POSITIVE, NEGATIVE, WIRE, UNSIGNED)
_T = np.linspace(0.0, 1.0, 25)[:, None]


def strongest(graph: NetGraph) -> NDArray[np.intp]:
    """Edges to draw, weakest first: all, or 100,000 distributed over the pairs of layers."""
    magnitude = np.abs(graph.weights.data)
    # With equal weights (a pattern) only edges of the first units would be drawn: scatter ties.
    scattered = (np.arange(graph.n_edges, dtype=np.uint64) * np.uint64(2654435769)) % (1 << 32)
    order = np.lexsort((scattered, magnitude))
    if graph.n_edges <= MOST_EDGES:
        return order
    pair = graph.layer_of[graph.sources].astype(np.int64) * len(graph.layers)
    pair += graph.layer_of[graph.weights.indices]
    _, pair, sizes = np.unique(pair, return_inverse=True, return_counts=True)
    by_pair = order[np.argsort(pair[order], kind="stable")]
    last = np.cumsum(sizes)
    from_top = last[pair[by_pair]] - 1 - np.arange(graph.n_edges)  # 0 = strongest of its pair
    drawn = np.zeros(graph.n_edges, dtype=bool)
    drawn[by_pair[from_top < _shares(sizes, MOST_EDGES)[pair[by_pair]]]] = True
    return order[drawn[order]]


def edge_lines(columns: Columns, layout: Layout, shown: NDArray[np.intp]) -> LineCollection:
    """The shown edges as one collection, in their order; wiring is pale at any weight.

    An edge is as strong as its weight is among those between the same two layers.
    """
    shares, kind = _shares_and_kinds(columns, shown)
    ease = float(np.clip(np.sqrt(150 / max(shown.size, 1)), 0.25, 1.0))  # the more edges, the finer
    colours = to_rgba_array(_COLOURS)[kind]
    colours[:, 3] = (0.12 + 0.7 * shares) * ease**0.6
    return LineCollection(
        _lines(_curves(columns, layout, shown)),
        colors=colours,
        linewidths=(0.25 + 1.25 * shares) * ease,
        capstyle="round",
        zorder=1,
        gid="edges",
    )


def draw_density(ax: Axes, columns: Columns, layout: Layout, shown: NDArray[np.intp]) -> None:
    """The shown edges as a picture below the units: the denser, the darker. Limits must be set."""
    shares, kind = _shares_and_kinds(columns, shown)
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()  # y downwards: bottom > top
    size = round(_PIXELS * (right - left)), round(_PIXELS * (bottom - top))
    curves = _PIXELS * (_curves(columns, layout, shown) - [left, top])
    colours = to_rgba_array(_COLOURS)[:, :3]
    ax.imshow(
        density(curves, 0.15 + 0.85 * shares, kind, colours, size),
        extent=(left, right, bottom, top),
        aspect="auto",
        interpolation="nearest",
        zorder=1,
        gid="edges",
    )


def _shares_and_kinds(
    columns: Columns, shown: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """How strong each shown edge is, 0 … 1, and the row of its colour."""
    graph, wired = columns.graph, columns.wiring[shown]
    weights = graph.weights.data[shown].astype(np.float64)
    pair = graph.layer_of[graph.sources[shown]].astype(np.int64) * len(graph.layers)
    pair += graph.layer_of[graph.weights.indices[shown]]
    shares = strength(np.abs(weights), pair)
    shares[wired] = _WIRE
    return shares, np.select([wired, columns.unsigned[shown]], [2, 3], weights < 0)


def _curves(columns: Columns, layout: Layout, shown: NDArray[np.intp]) -> NDArray[np.float64]:
    """Begin, control point and end [E, 3, 2]: straight to the next layer, else an arc outwards."""
    graph, height = columns.graph, layout.height
    start, stop = graph.sources[shown], graph.weights.indices[shown]
    begin = np.column_stack([layout.x[start], layout.y[start]])
    end = np.column_stack([layout.x[stop], layout.y[stop]])
    bend = (begin + end) / 2
    middle = bend[:, 1].copy()
    reach = 0.3 * (end[:, 0] - begin[:, 0])
    free = 2 * (0.8 * SKIP_ROOM * height + np.minimum(middle, height - middle))
    away = np.minimum(reach, free) * (graph.layer_of[stop] - graph.layer_of[start] > 1)
    bend[:, 1] += np.where(middle > height / 2, away, -away)
    return np.stack([begin, bend, end], axis=1)


def _lines(curves: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Two points of a straight edge, 25 of an arc."""
    lines = list(curves[:, ::2])
    straight = np.isclose(curves[:, 1], (curves[:, 0] + curves[:, 2]) / 2).all(axis=1)
    for edge in np.flatnonzero(~straight):
        begin, bend, end = curves[edge]
        lines[edge] = (1 - _T) ** 2 * begin + 2 * _T * (1 - _T) * bend + _T**2 * end
    return lines


def _shares(sizes: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Distribute `total` equally; what a small pair cannot use goes to the others."""
    shares = np.zeros_like(sizes)
    for done, pair in enumerate(np.argsort(sizes, kind="stable")):
        shares[pair] = min(sizes[pair], (total - shares.sum()) // (sizes.size - done))
    return shares


def skips_layers(graph: NetGraph) -> bool:
    """Whether any two connected layers are not adjacent."""
    index = {layer.name: i for i, layer in enumerate(graph.layers)}
    return any(index[block.target] - index[block.source] > 1 for block in graph.blocks)
