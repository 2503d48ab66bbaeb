"""Edges as shares: of what their target receives, of what their source sends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.graph.graph import NetGraph

__all__ = ["received", "sent", "share_through"]

_Floats = NDArray[np.float64]


def share_through(graph: NetGraph, edge_shares: _Floats, targets: NDArray[np.intp]) -> _Floats:
    """Shares multiplied along every path to the targets' units, and added [U, K].

    A unit of target k stands for an equal part of it. With shares `received` it is the share of
    what reaches the target that runs through each unit; with shares `sent` it is the chance that
    a walk from the unit ends there. O(E K).

    Parameters
    ----------
    graph
        The network.
    edge_shares
        One number an edge [E].
    targets
        0 … K−1 for the units where paths end, −1 for others [U].
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
    """Share of the path weight into its target that each edge brings [E].

    A path weighs exp of the sum of its edges' `log_weights`; −inf brings nothing. Only logarithms
    are added up from the inputs on, so that no depth overflows. O(E).
    """
    sources, targets = graph.sources, graph.weights.indices
    order = np.argsort(targets, kind="stable")
    into = np.searchsorted(targets[order], [(x.start, x.stop) for x in graph.layers])
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
    """Share of the squared weight out of its source that each edge takes [E]. O(E)."""
    sources = graph.sources
    weights = np.abs(graph.weights.data.astype(np.float64))
    largest = np.zeros(graph.n_units)
    np.maximum.at(largest, sources, weights)
    relative = (weights / np.where(largest > 0, largest, 1.0)[sources]) ** 2
    total = np.bincount(sources, relative, graph.n_units)
    shares: _Floats = relative / np.where(total > 0, total, 1.0)[sources]
    return shares
