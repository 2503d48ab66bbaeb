"""Edges of a layered graph: which are drawn, and how."""

from __future__ import annotations

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba_array
from numpy.typing import NDArray

from netsculpt.graph.graph import NetGraph
from netsculpt.plots._drawing.colours import NEGATIVE, POSITIVE, UNSIGNED, WIRE
from netsculpt.plots.layouts.columns import Columns
from netsculpt.plots.layouts.layered import Layout
from netsculpt.plots.layouts.strength import strength

__all__ = ["SKIP_ROOM", "edge_lines", "skips_layers", "strongest"]

_MOST_EDGES = 3000
_WIRE = 0.4  # strength with which wiring is drawn
SKIP_ROOM = 0.1  # above and below the layers, as a share of their height
_T = np.linspace(0.0, 1.0, 25)[:, None]


def strongest(graph: NetGraph) -> NDArray[np.intp]:
    """Edges to draw, weakest first: all, or 3,000 distributed over the pairs of layers."""
    magnitude = np.abs(graph.weights.data)
    # With equal weights (a pattern) only edges of the first units would be drawn: scatter ties.
    scattered = (np.arange(graph.n_edges, dtype=np.uint64) * np.uint64(2654435769)) % (1 << 32)
    order = np.lexsort((scattered, magnitude))
    if graph.n_edges <= _MOST_EDGES:
        return order
    pair = graph.layer_of[graph.sources].astype(np.int64) * len(graph.layers)
    pair += graph.layer_of[graph.weights.indices]
    _, pair, sizes = np.unique(pair, return_inverse=True, return_counts=True)
    by_pair = order[np.argsort(pair[order], kind="stable")]
    last = np.cumsum(sizes)
    from_top = last[pair[by_pair]] - 1 - np.arange(graph.n_edges)  # 0 = strongest of its pair
    drawn = np.zeros(graph.n_edges, dtype=bool)
    drawn[by_pair[from_top < _shares(sizes, _MOST_EDGES)[pair[by_pair]]]] = True
    return order[drawn[order]]


def edge_lines(columns: Columns, layout: Layout, shown: NDArray[np.intp]) -> LineCollection:
    """The shown edges as one collection, in their order; wiring is pale at any weight.

    An edge is as strong as its weight is among those between the same two layers.
    """
    graph, wiring = columns.graph, columns.wiring
    start, stop = graph.sources[shown], graph.weights.indices[shown]
    weights, wired = graph.weights.data[shown].astype(np.float64), wiring[shown]
    pair = graph.layer_of[start].astype(np.int64) * len(graph.layers) + graph.layer_of[stop]
    shares = strength(np.abs(weights), pair)
    shares[wired] = _WIRE
    ease = float(np.clip(np.sqrt(150 / max(shown.size, 1)), 0.25, 1.0))  # the more edges, the finer
    kind = np.select([wired, columns.unsigned[shown]], [2, 3], weights < 0)
    colours = to_rgba_array([POSITIVE, NEGATIVE, WIRE, UNSIGNED])[kind]
    colours[:, 3] = (0.12 + 0.7 * shares) * ease**0.6
    begin = np.column_stack([layout.x[start], layout.y[start]])
    end = np.column_stack([layout.x[stop], layout.y[stop]])
    span = graph.layer_of[stop] - graph.layer_of[start]
    return LineCollection(
        _lines(begin, end, span, layout.height),
        colors=colours,
        linewidths=(0.25 + 1.25 * shares) * ease,
        capstyle="round",
        zorder=1,
        gid="edges",
    )


def _shares(sizes: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Distribute `total` equally; what a small pair cannot use goes to the others."""
    shares = np.zeros_like(sizes)
    for done, pair in enumerate(np.argsort(sizes, kind="stable")):
        shares[pair] = min(sizes[pair], (total - shares.sum()) // (sizes.size - done))
    return shares


def _lines(
    begin: NDArray[np.float64], end: NDArray[np.float64], span: NDArray[np.int32], height: float
) -> list[NDArray[np.float64]]:
    """Straight lines to the next layer, arcs away from the centre over skipped layers."""
    lines = list(np.stack([begin, end], axis=1))
    for edge in np.flatnonzero(span > 1):
        middle = (begin[edge] + end[edge]) / 2
        reach = 0.3 * (end[edge, 0] - begin[edge, 0])
        free = 2 * (0.8 * SKIP_ROOM * height + min(middle[1], height - middle[1]))
        away = np.array([0.0, min(reach, free)])
        bend = middle + away if middle[1] > height / 2 else middle - away
        lines[edge] = (1 - _T) ** 2 * begin[edge] + 2 * _T * (1 - _T) * bend + _T**2 * end[edge]
    return lines


def skips_layers(graph: NetGraph) -> bool:
    """Whether any two connected layers are not adjacent."""
    index = {layer.name: i for i, layer in enumerate(graph.layers)}
    return any(index[block.target] - index[block.source] > 1 for block in graph.blocks)
