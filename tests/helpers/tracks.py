"""A network that loses edges, and at last its dead units."""

from __future__ import annotations

import numpy as np

import netsculpt


def followed_graphs() -> list[tuple[int, netsculpt.NetGraph]]:
    """(step, network): weights change, edges go, one set of them comes back, then units go."""
    graph, _ = netsculpt.planted([12, 14, 12, 8], 3, 0.7, 0.1, rng=1)
    sparse = _thinned(graph, 0.4, 0)
    denser = _thinned(graph, 0.2, 1)
    sparser = _thinned(denser, 0.6, 2)
    return [(0, graph), (5, sparse), (9, denser), (20, sparser), (30, sparser.live())]


def _thinned(graph: netsculpt.NetGraph, share: float, seed: int) -> netsculpt.NetGraph:
    generator = np.random.default_rng(seed)
    weights = graph.weights.copy().tocoo()
    keep = generator.random(weights.nnz) > share
    data = (weights.data * generator.normal(1, 0.1, weights.nnz)).astype(np.float32)
    ends = (weights.row[keep], weights.col[keep])
    matrix = type(graph.weights)((data[keep], ends), weights.shape)
    return netsculpt.NetGraph(matrix, None, graph.layers, graph.blocks)
