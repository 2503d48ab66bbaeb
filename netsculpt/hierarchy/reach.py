"""Inputs, outputs and paths that the modules of a graph reach."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.graph.graph import Layer, NetGraph
from netsculpt.graph.partition import NO_MODULE

__all__ = ["edge_path_shares", "ends_reached", "fed_outputs_without_module", "path_shares"]

_BITS: Final = 64  # modules swept together, one per bit of a word
_COLUMNS: Final = 16  # modules swept together, one per column of floats


def fed_outputs_without_module(
    graph: NetGraph, labels: NDArray[np.int32], n_modules: int
) -> NDArray[np.int64]:
    """Number of outputs without a module that each module feeds [M]."""
    is_bare = np.zeros(graph.n_units, dtype=bool)
    is_bare[graph.outputs] = True
    is_bare &= labels == NO_MODULE
    source, target = labels[graph.sources], graph.weights.indices
    fed = (source != NO_MODULE) & is_bare[target]
    pairs = np.unique(source[fed].astype(np.int64) * graph.n_units + target[fed])
    return np.bincount(pairs // max(graph.n_units, 1), minlength=n_modules)


def ends_reached(
    graph: NetGraph, labels: NDArray[np.int32], n_modules: int
) -> tuple[list[NDArray[np.intp]], list[NDArray[np.intp]]]:
    """Inputs with a path into each module, and outputs with a path from it [M]."""
    turned = csr_array(graph.weights.T)
    seen, served = [], []
    for first in range(0, n_modules, _BITS):
        bits = np.arange(min(_BITS, n_modules - first), dtype=np.uint64)
        own = np.zeros(graph.n_units, dtype=np.uint64)
        chosen = (labels >= first) & (labels < first + bits.size)
        own[chosen] = np.uint64(1) << (labels[chosen] - first).astype(np.uint64)
        before = _joined(graph.weights, reversed(graph.layers), own)[graph.inputs]
        after = _joined(turned, graph.layers, own)[graph.outputs]
        seen += [graph.inputs[(before >> bit) & np.uint64(1) == 1] for bit in bits]
        served += [graph.outputs[(after >> bit) & np.uint64(1) == 1] for bit in bits]
    return seen, served


def _joined(
    rows: csr_array, layers: Iterable[Layer], own: NDArray[np.uint64]
) -> NDArray[np.uint64]:
    """Bits of each unit combined with those of all units that its rows reach [U]."""
    words = own.copy()
    for layer in layers:
        starts, edges = _row_starts(rows, layer)
        filled = np.flatnonzero(np.diff(starts))
        if filled.size:
            reached = np.bitwise_or.reduceat(words[rows.indices[edges]], starts[filled])
            words[layer.start + filled] |= reached
    return words


def path_shares(graph: NetGraph, labels: NDArray[np.int32], n_modules: int) -> NDArray[np.float64]:
    """Probability that a path drawn by its weight passes through each module [M]."""
    log_after, moves = _drawn_paths(graph)
    log_start = log_after[graph.inputs]
    most = log_start.max(initial=-np.inf)
    if most == -np.inf:
        return np.zeros(n_modules)
    start = np.exp(log_start - most)
    share = np.zeros(n_modules)
    for first in range(0, n_modules, _COLUMNS):
        column = np.arange(first, min(first + _COLUMNS, n_modules))
        meets = (labels[:, None] == column).astype(np.float64)
        for layer in reversed(graph.layers):
            starts, edges = _row_starts(graph.weights, layer)
            rows = (moves[edges], graph.weights.indices[edges], starts)
            later = csr_array(rows, (layer.n_units, graph.n_units)) @ meets
            meets[layer.units] = np.where(meets[layer.units] > 0, 1.0, later)
        share[column] = start @ meets[graph.inputs] / start.sum()
    return np.minimum(share, 1.0)


def edge_path_shares(graph: NetGraph) -> NDArray[np.float64]:
    """Probability that a path drawn by its weight runs along each edge [E]; 0 without paths."""
    log_after, moves = _drawn_paths(graph)
    log_start = log_after[graph.inputs]
    most = log_start.max(initial=-np.inf)
    visits = np.zeros(graph.n_units)
    if most == -np.inf:
        return np.zeros(graph.n_edges)
    visits[graph.inputs] = np.exp(log_start - most)
    visits /= visits.sum()
    shares = np.zeros(graph.n_edges)
    for layer in graph.layers:
        starts, edges = _row_starts(graph.weights, layer)
        shares[edges] = np.repeat(visits[layer.units], np.diff(starts)) * moves[edges]
        np.add.at(visits, graph.weights.indices[edges], shares[edges])
    return shares


def _drawn_paths(graph: NetGraph) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log path weight from each unit to the outputs [U], chance of each edge at its source [E]."""
    weights = graph.weights
    with np.errstate(divide="ignore"):
        log_weight = np.log(np.abs(weights.data.astype(np.float64)))
    log_after = np.full(graph.n_units, -np.inf)
    log_after[graph.outputs] = 0.0
    moves = np.zeros(graph.n_edges)
    for layer in reversed(graph.layers):
        starts, edges = _row_starts(weights, layer)
        filled = np.flatnonzero(np.diff(starts))
        if not filled.size:
            continue
        log_edge = log_weight[edges] + log_after[weights.indices[edges]]
        log_sums = np.logaddexp.reduceat(log_edge, starts[filled])
        own = log_after[layer.units]
        own[filled] = np.logaddexp(own[filled], log_sums)
        # If a unit has no path weight, all its edges are −inf: subtract nothing from them.
        moves[edges] = np.exp(log_edge - np.repeat(np.maximum(own, -1e300), np.diff(starts)))
    return log_after, moves


def _row_starts(rows: csr_array, layer: Layer) -> tuple[NDArray[np.int32], slice]:
    """Row pointers of a layer, starting at 0, and its slice of the edge arrays."""
    pointers = rows.indptr[layer.start : layer.stop + 1]
    return pointers - pointers[0], slice(int(pointers[0]), int(pointers[-1]))
