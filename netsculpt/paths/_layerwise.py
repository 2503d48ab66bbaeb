"""Sweeps in NumPy, layer by layer, in plain float64.

A sweep that meets numbers beyond 2^±700, or weights beyond 2^±150, returns None.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.graph import Layer, NetGraph
from netsculpt.paths._scaled import Scaled, scaled

__all__ = ["backward", "edge_weights", "forward"]

_SPAN = 700  # a number times a squared weight stays a normal float64
_WEIGHT_SPAN = 150  # every float32 lies inside
_EDGE_SPAN = 400  # two numbers times a weight stay one, too


def forward(graph: NetGraph, squared: bool, removed: NDArray[np.bool_]) -> Scaled | None:
    """Weight of the paths from the inputs to each unit [U]."""
    values = _pulled(
        csr_array(graph.weights.T), graph.layers, graph.inputs, squared, removed, _SPAN
    )
    return None if values is None else scaled(values, 0)


def backward(graph: NetGraph, squared: bool, removed: NDArray[np.bool_]) -> Scaled | None:
    """Weight of the paths from each unit to the outputs [U]."""
    values = _pulled(graph.weights, reversed(graph.layers), graph.outputs, squared, removed, _SPAN)
    return None if values is None else scaled(values, 0)


def edge_weights(graph: NetGraph) -> NDArray[np.float64] | None:
    """Weight of the paths through each edge [E]."""
    none, rows = np.zeros(graph.n_units, dtype=bool), graph.weights
    turned = csr_array(rows.T)
    before = _pulled(turned, graph.layers, graph.inputs, False, none, _EDGE_SPAN)
    after = _pulled(rows, reversed(graph.layers), graph.outputs, False, none, _EDGE_SPAN)
    if before is None or after is None:
        return None
    through = np.repeat(before, np.diff(rows.indptr))
    through *= rows.data
    through *= after[rows.indices]
    return through


def _pulled(
    rows: csr_array,
    layers: Iterable[Layer],
    ends: NDArray[np.intp],
    squared: bool,
    removed: NDArray[np.bool_],
    span: int,
) -> NDArray[np.float64] | None:
    """Solve x = 1 at `ends` + Σ weight · x over the unit's row; 0 where `removed`."""
    if rows.dtype != np.float32 and not _within(rows.data, _WEIGHT_SPAN):
        return None
    weights = rows.data.astype(np.float64)
    if squared:
        weights *= weights
    x = np.zeros(removed.size)
    x[ends] = 1.0
    with np.errstate(over="ignore", invalid="ignore"):  # seen at the end
        for layer in layers:
            indptr = rows.indptr[layer.start : layer.stop + 1]
            filled = np.flatnonzero(np.diff(indptr))
            if filled.size:
                edges = slice(int(indptr[0]), int(indptr[-1]))
                terms = weights[edges] * x[rows.indices[edges]]
                x[layer.start + filled] += np.add.reduceat(terms, indptr[filled] - indptr[0])
            x[layer.units][removed[layer.units]] = 0.0
    return x if _within(x, span) else None


def _within(values: NDArray[Any], span: int) -> bool:
    """Whether each number is 0 or within 2^±span."""
    sizes = np.abs(values)
    return bool(np.all((sizes == 0) | ((sizes >= 2.0**-span) & (sizes <= 2.0**span))))
