"""Sweeps in NumPy with an exponent per unit: slower, for all legal weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.graph.graph import Layer, NetGraph
from netsculpt.paths._scaled import Scaled, scaled

__all__ = ["backward", "edge_products", "forward"]


def forward(graph: NetGraph, squared: bool, removed: NDArray[np.bool_]) -> Scaled:
    """Weight of the paths from the inputs to each unit [U]."""
    turned = csr_array(graph.weights.T)
    return _pulled(turned, graph.layers, graph.inputs, squared, removed)


def backward(graph: NetGraph, squared: bool, removed: NDArray[np.bool_]) -> Scaled:
    """Weight of the paths from each unit to the outputs [U]."""
    return _pulled(graph.weights, reversed(graph.layers), graph.outputs, squared, removed)


def edge_products(graph: NetGraph, before: Scaled, after: Scaled) -> Iterator[tuple[slice, Scaled]]:
    """Yield ``before[u] · after[v]`` of the edges (u, v) out of each layer."""
    for layer in graph.layers:
        indptr = graph.weights.indptr[layer.start : layer.stop + 1]
        edges = slice(int(indptr[0]), int(indptr[-1]))
        sources = np.repeat(np.arange(layer.start, layer.stop), np.diff(indptr))
        yield edges, before[sources] * after[graph.weights.indices[edges]]


def _pulled(
    rows: csr_array,
    layers: Iterable[Layer],
    ends: NDArray[np.intp],
    squared: bool,
    removed: NDArray[np.bool_],
) -> Scaled:
    """Solve x = 1 at `ends` + Σ weight · x over the unit's row; 0 where `removed`."""
    at_end = np.zeros(removed.size, dtype=bool)
    at_end[ends] = True
    x = scaled(np.zeros(removed.size), 0)
    weights = scaled(rows.data.astype(np.float64), 0)
    if squared:
        weights = weights * weights
    for layer in layers:
        indptr = rows.indptr[layer.start : layer.stop + 1]
        edges = slice(int(indptr[0]), int(indptr[-1]))
        sums = (x[rows.indices[edges]] * weights[edges]).row_sums(indptr - indptr[0])
        sums = sums.plus_one(at_end[layer.units])
        sums = scaled(np.where(removed[layer.units], 0.0, sums.mantissa), sums.exponent)
        x.mantissa[layer.units], x.exponent[layer.units] = sums.mantissa, sums.exponent
    return x
