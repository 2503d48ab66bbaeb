"""Sweeps in NumPy, layer by layer, in plain float64.

A sweep with numbers beyond 2^±700, or weights beyond 2^±150, returns None.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.graph import NetGraph
from netsculpt.paths._scaled import Scaled, scaled

__all__ = ["backward", "forward", "units_through", "weights_through"]

_SPAN = 700  # a number times a squared weight stays a normal float64
_WEIGHT_SPAN = 150  # includes every float32
_EDGE_SPAN = 400  # so does a product of two numbers and a weight


def forward(graph: NetGraph, squared: bool, removed: NDArray[np.bool_]) -> Scaled | None:
    """Weight of the paths from the inputs to each unit [U]."""
    weights = _weights(graph, squared)
    values = None if weights is None else _pushed(graph, weights, removed, _SPAN)
    return None if values is None else scaled(values, 0)


def backward(graph: NetGraph, squared: bool, removed: NDArray[np.bool_]) -> Scaled | None:
    """Weight of the paths from each unit to the outputs [U]."""
    weights = _weights(graph, squared)
    values = None if weights is None else _pulled(graph, weights, removed, _SPAN)
    return None if values is None else scaled(values, 0)


def units_through(graph: NetGraph) -> NDArray[np.float64] | None:
    """Weight of the paths through each unit [U]."""
    through = weights_through(graph, 1)
    return None if through is None else through[0]


def weights_through(
    graph: NetGraph, _jobs: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Weight of the paths through each unit [U] and each edge [E], in one thread."""
    weights, none = _weights(graph, squared=False), np.zeros(graph.n_units, dtype=bool)
    if weights is None:
        return None
    before = _pushed(graph, weights, none, _EDGE_SPAN)
    after = _pulled(graph, weights, none, _EDGE_SPAN)  # turns `weights` into weight · value
    if before is None or after is None:
        return None
    weights *= np.repeat(before, np.diff(graph.weights.indptr))
    return before * after, weights


def _weights(graph: NetGraph, squared: bool) -> NDArray[np.float64] | None:
    """A float64 copy of the weights [E]; None if they exceed the span."""
    weights = graph.weights.data
    if weights.dtype != np.float32 and not _within(weights, _WEIGHT_SPAN):
        return None
    return np.square(weights, dtype=np.float64) if squared else weights.astype(np.float64)


def _pushed(
    graph: NetGraph, weights: NDArray[np.float64], removed: NDArray[np.bool_], span: int
) -> NDArray[np.float64] | None:
    """Solve x = 1 at inputs + Σ weight · x over the edges into a unit; 0 where `removed`."""
    indptr, indices = graph.weights.indptr, graph.weights.indices
    degrees = np.diff(indptr)
    x = np.zeros(graph.n_units)
    x[graph.inputs] = 1.0
    with np.errstate(over="ignore", invalid="ignore"):  # checked at the end
        for layer in graph.layers:
            own = x[layer.units]
            own[removed[layer.units]] = 0.0
            edges = slice(indptr[layer.start], indptr[layer.stop])
            if edges.start < edges.stop:
                terms = np.repeat(own, degrees[layer.units])
                terms *= weights[edges]
                sums = np.bincount(indices[edges] - np.int32(layer.stop), terms)
                x[layer.stop : layer.stop + sums.size] += sums
    return x if _within(x, span) else None


def _pulled(
    graph: NetGraph, weights: NDArray[np.float64], removed: NDArray[np.bool_], span: int
) -> NDArray[np.float64] | None:
    """Solve x = 1 at outputs + Σ weight · x over the edges out of a unit; 0 where `removed`.

    `weights` are replaced by the terms of the sums.
    """
    indptr, indices = graph.weights.indptr, graph.weights.indices
    x = np.zeros(graph.n_units)
    x[graph.outputs] = 1.0
    with np.errstate(over="ignore", invalid="ignore"):  # checked at the end
        for layer in reversed(graph.layers):
            first = indptr[layer.start : layer.stop + 1]
            edges = slice(first[0], first[-1])
            if edges.start < edges.stop:
                terms = weights[edges]
                terms *= x[indices[edges]]
                filled = np.flatnonzero(np.diff(first))
                x[layer.start + filled] += np.add.reduceat(terms, first[filled] - first[0])
            x[layer.units][removed[layer.units]] = 0.0
    return x if _within(x, span) else None


def _within(values: NDArray[Any], span: int) -> bool:
    """Whether each number is 0 or within 2^±span."""
    sizes = np.abs(values)
    return bool(np.all((sizes == 0) | ((sizes >= 2.0**-span) & (sizes <= 2.0**span))))
