"""Shares of each edge: of what its target receives, of what its source sends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.graph.graph import NetGraph

__all__ = ["received", "sent", "share_through"]

_Floats = NDArray[np.float64]


def share_through(graph: NetGraph, edge_shares: _Floats, targets: NDArray[np.intp]) -> _Floats:
    """Sum over all paths to each target of the product of edge shares [U, K].

    The units of a target count as equal parts of it. With shares `received` this is the share of
    the path weight to the target that runs through each unit; with shares `sent` it is the
    probability that a walk from the unit ends there. O(E K).

    Parameters
    ----------
    graph
        The network.
    edge_shares
        One share per edge [E].
    targets
        0 … K−1 for units where paths end, −1 for others [U].
    """
    ends = np.flatnonzero(targets >= 0)
    sizes = np.bincount(targets[ends])
    through = np.zeros((graph.n_units, sizes.size))
    through[ends, targets[ends]] = 1 / sizes[targets[ends]]
    pattern = graph.weights
    onward = csr_array((edge_shares, pattern.indices, pattern.indptr), pattern.shape)
    for layer in reversed(graph.layers):
        through[layer.units] += np.asarray(onward[layer.units] @ through)
    return through


def received(graph: NetGraph, log_weights: _Floats) -> _Floats:
    """Share of each edge in the path weight into its target [E].

    The weight of a path is exp of the sum of its edges' `log_weights`, which may be −inf. Only
    logarithms are added up from the inputs on, so that no depth overflows. O(E).
    """
    sources, targets = graph.sources, graph.weights.indices
    order = np.argsort(targets, kind="stable")
    bounds = [(layer.start, layer.stop) for layer in graph.layers]
    into = np.searchsorted(targets[order], bounds)
    log_paths = np.full(graph.n_units, -np.inf)
    log_paths[graph.inputs] = 0.0
    shares = np.zeros(graph.n_edges)
    for layer, (first, last) in zip(graph.layers, into, strict=True):
        edges = order[first:last]
        target = targets[edges] - layer.start
        brought = log_weights[edges] + log_paths[sources[edges]]
        largest = np.full(layer.n_units, -np.inf)
        np.maximum.at(largest, target, brought)
        unit = np.where(np.isfinite(largest), largest, 0.0)
        relative = np.exp(brought - unit[target])
        total = np.bincount(target, relative, layer.n_units)
        shares[edges] = relative / np.where(total > 0, total, 1.0)[target]
        with np.errstate(divide="ignore"):
            log_total = unit + np.log(total)
        log_paths[layer.units] = np.logaddexp(log_paths[layer.units], log_total)
    return shares


def sent(graph: NetGraph) -> _Floats:
    """Share of each edge in the squared weight out of its source [E]. O(E)."""
    sources = graph.sources
    weights = np.abs(graph.weights.data.astype(np.float64))
    largest = np.zeros(graph.n_units)
    np.maximum.at(largest, sources, weights)
    relative = (weights / np.where(largest > 0, largest, 1.0)[sources]) ** 2
    total = np.bincount(sources, relative, graph.n_units)
    shares: _Floats = relative / np.where(total > 0, total, 1.0)[sources]
    return shares
