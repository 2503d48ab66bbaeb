"""Levels of a weighted directed graph of modules, and how hierarchical it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.csgraph import connected_components

__all__ = ["flow_hierarchy", "incoherence", "levels", "strong_components", "trophic_levels"]

_LEAST = 1e-12  # of the heaviest: what is lighter is lost in sums of float64, like an edge of 0


def strong_components(edges: csr_array) -> tuple[int, NDArray[np.int32]]:
    """Number of strongly connected components, and the component of each module [M]."""
    if edges.shape[0] == 0:
        return 0, np.zeros(0, dtype=np.int32)
    pattern = csr_array((np.ones(edges.nnz), edges.indices, edges.indptr), edges.shape)
    n_components, component = connected_components(pattern, directed=True, connection="strong")
    return n_components, component


def levels(edges: csr_array) -> NDArray[np.int64]:
    """Length of the longest path to each module [M]: the last step at which a walk arrives."""
    level = np.zeros(edges.shape[0], dtype=np.int64)
    reached, length = np.arange(level.size), 0
    while (reached := np.unique(edges[reached].indices)).size:
        length += 1
        level[reached] = length
    return level


def flow_hierarchy(edges: csr_array) -> float:
    """Share of the edges that lie on no cycle, each counting 1; 1 without edges."""
    if edges.nnz == 0:
        return 1.0
    _, component = strong_components(edges)
    ends = edges.tocoo()
    return float(np.mean(component[ends.row] != component[ends.col]))


def trophic_levels(edges: csr_array) -> NDArray[np.float64]:
    """Trophic level h of each module [M]: (diag(u) − W − Wᵀ) h = v, lowest of each part at 0."""
    from scipy.sparse.linalg import spsolve

    level = np.zeros(edges.shape[0])
    weights = _carrying(edges)
    if weights.nnz == 0:
        return level
    n_parts, part = connected_components(weights, directed=False)
    _, grounded = np.unique(part, return_index=True)  # h is known up to a constant in each part
    solved = np.setdiff1d(np.arange(level.size), grounded)
    inflow, outflow = weights.sum(axis=0), weights.sum(axis=1)
    matrix = csr_array(diags_array(inflow + outflow) - weights - weights.T)
    level[solved] = spsolve(matrix[solved][:, solved].tocsc(), (inflow - outflow)[solved])
    lowest = np.full(n_parts, np.inf)
    np.minimum.at(lowest, part, level)
    level -= lowest[part]
    return level


def incoherence(edges: csr_array) -> float:
    """Trophic incoherence: 0 if every edge climbs one level, 1 if all flow runs in cycles.

    To 12 decimals, so that perfect layers have 0 and no rounding. NaN without flow: it is a mean
    over what flows.
    """
    weights = _carrying(edges)
    if weights.nnz == 0:
        return float("nan")
    level, ends = trophic_levels(edges), weights.tocoo()
    misses = (level[ends.col] - level[ends.row] - 1.0) ** 2
    return round(float(np.average(misses, weights=ends.data)), 12)


def _carrying(edges: csr_array) -> csr_array:
    """The edges that carry something, scaled so that the heaviest is 1: others set no level."""
    ends = edges.tocoo()
    heaviest = float(ends.data.max(initial=0.0))
    data = ends.data / heaviest if heaviest > 0 else np.zeros(ends.nnz)
    carries = data > _LEAST
    kept = data[carries], (ends.row[carries], ends.col[carries])
    return csr_array(coo_array(kept, shape=ends.shape))
