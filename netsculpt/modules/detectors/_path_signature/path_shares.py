"""Shares of each edge: of what its target receives, of what its source sends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.graph.graph import NetGraph

__all__ = [
    "log_even_squares",
    "log_path_weights",
    "log_squares",
    "received",
    "sent",
    "share_through",
]

_Floats = NDArray[np.float64]


def share_through(graph: NetGraph, edge_shares: _Floats, targets: NDArray[np.intp]) -> _Floats:
    """Sum over all paths to each target of the product of edge shares [..., U, K].

    The units of a target count as equal parts of it. With shares `received` this is the share of
    the path weight to the target that runs through each unit; with shares `sent` it is the
    probability that a walk from the unit ends there. O(E K) for each set of shares.

    Parameters
    ----------
    graph
        The network.
    edge_shares
        One share per edge [..., E].
    targets
        0 … K−1 for units where paths end, −1 for others [U].
    """
    ends = np.flatnonzero(targets >= 0)
    sizes = np.bincount(targets[ends])
    through = np.zeros((*edge_shares.shape[:-1], graph.n_units, sizes.size))
    through[..., ends, targets[ends]] = 1 / sizes[targets[ends]]
    indptr, indices = graph.weights.indptr, graph.weights.indices
    for at in np.ndindex(edge_shares.shape[:-1]):
        shares, sums = edge_shares[at], through[at]
        for layer in reversed(graph.layers):
            edges = slice(indptr[layer.start], indptr[layer.stop])
            if edges.start < edges.stop:
                rows = indptr[layer.start : layer.stop + 1] - edges.start
                shape = layer.n_units, graph.n_units
                onward = csr_array((shares[edges], indices[edges], rows), shape)
                sums[layer.units] += onward @ sums
    return through


def log_squares(graph: NetGraph) -> _Floats:
    """Logarithm of each squared weight, −inf where it is 0 [E]."""
    with np.errstate(divide="ignore"):
        return np.asarray(2 * np.log(np.abs(graph.weights.data.astype(np.float64))))


def log_path_weights(graph: NetGraph, log_weights: _Floats) -> _Floats:
    """Logarithm of the summed weight of all paths from an input to each unit [U].

    The weight of a path is exp of the sum of its edges' `log_weights`, which may be −inf. Only
    logarithms are added up from the inputs on, so that no depth overflows. An input counts 1. O(E).
    """
    sources, targets = graph.sources, graph.weights.indices
    order = np.argsort(targets, kind="stable")
    into = np.searchsorted(targets[order], [layer.start for layer in graph.layers])
    log_paths = np.full(graph.n_units, -np.inf)
    log_paths[graph.inputs] = 0.0
    for layer, edges in zip(graph.layers, np.split(order, into[1:]), strict=True):
        if edges.size:
            target = targets[edges] - layer.start
            brought = log_weights[edges] + log_paths[sources[edges]]
            largest = np.full(layer.n_units, -np.inf)
            np.maximum.at(largest, target, brought)
            unit = np.where(np.isfinite(largest), largest, 0.0)
            total = np.bincount(target, np.exp(brought - unit[target]), layer.n_units)
            with np.errstate(divide="ignore"):
                log_total = unit + np.log(total)
            log_paths[layer.units] = np.logaddexp(log_paths[layer.units], log_total)
    return log_paths


def received(graph: NetGraph, log_weights: _Floats, log_paths: _Floats) -> _Floats:
    """Share of each edge in the path weight into its target, paths as in `log_path_weights` [E].

    Scaling what a unit reads by c and what it sends by 1/c changes no share. O(E).
    """
    targets = graph.weights.indices
    unit = np.where(np.isfinite(log_paths), log_paths, 0.0)[targets]
    return _of_whole(np.exp(log_weights + log_paths[graph.sources] - unit), targets, graph.n_units)


def log_even_squares(graph: NetGraph) -> _Floats:
    """Logarithm of squared weights after scaling hidden units, −inf where the weight is 0 [E].

    A ReLU unit may read c times as much and send 1/c of it. Here every hidden unit is scaled until
    the squared weight of its paths from inputs is 1 on average, so that the result is the same for
    all networks that differ by such factors; where all weights are 1, none is scaled. O(E).
    """
    logs = log_squares(graph)
    scales = log_path_weights(graph, logs) - log_path_weights(graph, np.zeros(graph.n_edges))
    scales[graph.outputs] = 0.0
    scales = np.where(np.isfinite(scales), scales, 0.0)
    return np.asarray(logs + scales[graph.sources] - scales[graph.weights.indices])


def sent(graph: NetGraph, log_squares: _Floats) -> _Floats:
    """Share of each edge in the squared weight out of its source [E]. O(E)."""
    sources = graph.sources
    largest = np.full(graph.n_units, -np.inf)
    np.maximum.at(largest, sources, log_squares)
    relative = log_squares - np.where(np.isfinite(largest), largest, 0.0)[sources]
    return _of_whole(np.exp(relative), sources, graph.n_units)


def _of_whole(values: _Floats, at: NDArray[np.integer], n_units: int) -> _Floats:
    total = np.bincount(at, values, n_units)
    return np.asarray(values / np.where(total > 0, total, 1.0)[at])
