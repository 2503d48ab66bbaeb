"""Levels of a weighted directed graph of modules, and how far it is from having any."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.csgraph import connected_components

__all__ = ["flow_hierarchy", "incoherence", "levels", "strong", "trophic_levels"]


def strong(edges: csr_array) -> tuple[int, NDArray[np.int32]]:
    """How many strongly connected parts there are, and which part each module is in [M]."""
    if edges.shape[0] == 0:
        return 0, np.zeros(0, dtype=np.int32)
    pattern = csr_array((np.ones(edges.nnz), edges.indices, edges.indptr), edges.shape)
    n_found, found = connected_components(pattern, directed=True, connection="strong")
    return n_found, found


def levels(edges: csr_array) -> NDArray[np.int64]:
    """Longest path to each module [M]: the last round in which a walk still arrives there."""
    level = np.zeros(edges.shape[0], dtype=np.int64)
    reached, at = np.arange(level.size), 0
    while (reached := np.unique(edges[reached].indices)).size:
        at += 1
        level[reached] = at
    return level


def flow_hierarchy(edges: csr_array) -> float:
    """Share of the edges that lie on no cycle, each counting 1; 1 without edges."""
    if edges.nnz == 0:
        return 1.0
    _, component = strong(edges)
    ends = edges.tocoo()
    return float(np.mean(component[ends.row] != component[ends.col]))


def trophic_levels(edges: csr_array) -> NDArray[np.float64]:
    """Solve diag(u) − W − Wᵀ for h [M], the lowest of each connected part at 0."""
    from scipy.sparse.linalg import spsolve

    level = np.zeros(edges.shape[0])
    weights = _carrying(edges)
    if weights.nnz == 0:
        return level
    n_parts, part = connected_components(weights, directed=False)
    _, grounded = np.unique(part, return_index=True)  # h is free by a constant in each part
    solved = np.setdiff1d(np.arange(level.size), grounded)
    inflow, outflow = weights.sum(axis=0), weights.sum(axis=1)
    matrix = csr_array(diags_array(inflow + outflow) - weights - weights.T)
    level[solved] = spsolve(matrix[solved][:, solved].tocsc(), (inflow - outflow)[solved])
    lowest = np.full(n_parts, np.inf)
    np.minimum.at(lowest, part, level)
    level -= lowest[part]
    return level


def incoherence(edges: csr_array) -> float:
    """Trophic incoherence: 0 where every edge climbs one level, 1 where all flow is in circles."""
    weights = _carrying(edges)
    if weights.nnz == 0:
        return 0.0
    level, ends = trophic_levels(edges), weights.tocoo()
    return float(np.average((level[ends.col] - level[ends.row] - 1.0) ** 2, weights=ends.data))


def _carrying(edges: csr_array) -> csr_array:
    """Only edges that weigh something, the heaviest 1: others pull no level."""
    ends = edges.tocoo()
    carries = ends.data > 0
    data = ends.data[carries] / ends.data.max(initial=0.0)
    return csr_array(coo_array((data, (ends.row[carries], ends.col[carries])), shape=ends.shape))
