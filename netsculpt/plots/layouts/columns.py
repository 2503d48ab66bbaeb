"""Parallel layers merged into one column of the drawing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.graph.graph import WIRING, Layer, NetGraph, wiring_edges

__all__ = ["Columns", "in_columns"]


@dataclass(frozen=True, eq=False)
class Columns:
    """A graph whose layers are the columns of a drawing."""

    graph: NetGraph
    unit: NDArray[np.intp]  # [U] index of each unit in the original network
    wiring: NDArray[np.bool_]  # [E] edges without a parameter
    unsigned: NDArray[np.bool_]  # [E] norms of kernels, in a network whose other edges have signs


def in_columns(graph: NetGraph) -> Columns:
    """The graph with parallel layers merged.

    A layer is in the column after the last layer that feeds it; a layer without inputs (a state)
    is in the column before the first that it feeds. Chains stay unchanged. Cost O(E log E).
    """
    depth = _depths(graph)
    columns = np.unique(depth)
    wiring, unsigned = wiring_edges(graph), _unsigned(graph)
    if columns.size == len(graph.layers):
        return Columns(graph, np.arange(graph.n_units), wiring, unsigned)
    inside = [[graph.layers[i] for i in np.flatnonzero(depth == column)] for column in columns]
    order = np.concatenate([np.arange(x.start, x.stop) for layers in inside for x in layers])
    stops = np.cumsum([sum(x.n_units for x in layers) for layers in inside]).tolist()
    merged = tuple(
        _merged(layers, start, stop)
        for layers, start, stop in zip(inside, [0, *stops], stops, strict=False)
    )
    column_of = {x.name: to.name for layers, to in zip(inside, merged, strict=True) for x in layers}
    pairs = {(column_of[x.source], column_of[x.target]): x for x in reversed(graph.blocks)}
    blocks = tuple(
        replace(block, source=source, target=target) for (source, target), block in pairs.items()
    )
    edges = csr_array(
        (np.arange(graph.n_edges), graph.weights.indices, graph.weights.indptr), graph.weights.shape
    )[order][:, order]
    edges.sort_indices()
    weights = csr_array((graph.weights.data[edges.data], edges.indices, edges.indptr), edges.shape)
    drawn = NetGraph(weights, None, merged, blocks)
    return Columns(drawn, order, wiring[edges.data], unsigned[edges.data])


def _unsigned(graph: NetGraph) -> NDArray[np.bool_]:
    """Edges [E] of blocks of kernels none of which is negative: the l1 or l2 norm has no sign."""
    unsigned = np.zeros(graph.n_edges, dtype=bool)
    negative = graph.weights.data < 0
    if not negative.any():
        return unsigned
    for block in graph.blocks:
        edges = graph.block_edges(block.source, block.target)
        kernels = block.kind == "conv" or (
            graph.multiplicity is not None and bool((graph.multiplicity[edges] > 1).any())
        )
        unsigned[edges] = kernels and block.kind != WIRING and not negative[edges].any()
    return unsigned


def _depths(graph: NetGraph) -> NDArray[np.intp]:
    """The column of each layer [L]; without blocks, one column per layer."""
    index = {layer.name: i for i, layer in enumerate(graph.layers)}
    pairs = sorted((index[x.source], index[x.target]) for x in graph.blocks)
    if not pairs:
        return np.arange(len(graph.layers))
    depth = np.zeros(len(graph.layers), np.intp)
    for source, target in sorted(pairs, key=lambda pair: pair[1]):
        depth[target] = max(depth[target], depth[source] + 1)
    fed = {target for _, target in pairs}
    for i, layer in enumerate(graph.layers):
        if i not in fed and layer.role != "input":
            depth[i] = min((depth[target] for source, target in pairs if source == i), default=1)
            depth[i] = max(depth[i] - 1, 0)
    return depth


def _merged(layers: list[Layer], start: int, stop: int) -> Layer:
    if len(layers) == 1:
        return replace(layers[0], start=start, stop=stop)
    parts = [layer.name.split(".") for layer in layers]
    shared = len(list(takewhile(lambda same: len(set(same)) == 1, zip(*parts, strict=False))))
    others = [".".join(part[shared:]) for part in parts[1:]]
    return Layer(", ".join([layers[0].name, *others]), layers[0].role, (), start, stop)
