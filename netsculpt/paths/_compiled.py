"""Sweeps in compiled code over the whole CSR, with one exponent for each layer.

Imported only when a large graph is swept. The numbers of a layer may span 2^±700 and float64
weights 2^±150; a sweep that meets more returns None.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from netsculpt.graph import NetGraph
from netsculpt.paths._scaled import Scaled, scaled

__all__ = ["backward", "edge_weights", "forward"]

_LEAST, _MOST = 2.0**-700, 2.0**700  # a number times a squared weight stays a normal float64
_LIGHTEST, _HEAVIEST = 2.0**-150, 2.0**150  # every float32 lies inside
_SHARED_LEAST, _SHARED_MOST = -300, 850  # exponents that a unit's number can absorb without loss
_DEAD = -(2**30)

_compiled = numba.njit(cache=True, nogil=True)


def forward(graph: NetGraph, squared: bool, removed: NDArray[np.bool_]) -> Scaled | None:
    """Weight of the paths from the inputs to each unit [U]."""
    values, exponents = _ones_at(graph, graph.inputs)
    fits = _fits(graph) and _push(*_csr(graph), *_feeds(graph), removed, squared, values, exponents)
    return scaled(values, exponents[graph.layer_of]) if fits else None


def backward(graph: NetGraph, squared: bool, removed: NDArray[np.bool_]) -> Scaled | None:
    """Weight of the paths from each unit to the outputs [U]."""
    values, exponents = _ones_at(graph, graph.outputs)
    no_edges = np.zeros(0)
    fits = _fits(graph) and _pull(
        *_csr(graph), *_feeds(graph), removed, squared, values, exponents,
        values, exponents, no_edges,
    )  # fmt: skip
    return scaled(values, exponents[graph.layer_of]) if fits else None


def edge_weights(graph: NetGraph) -> NDArray[np.float64] | None:
    """Weight of the paths through each edge [E]."""
    graph_arrays = *_csr(graph), *_feeds(graph), np.zeros(graph.n_units, dtype=bool), False
    before = _ones_at(graph, graph.inputs)
    after = _ones_at(graph, graph.outputs)
    through = np.zeros(graph.n_edges)
    fits = (
        _fits(graph)
        and _push(*graph_arrays, *before)
        and _pull(*graph_arrays, *after, *before, through)
    )
    return through if fits else None


def _ones_at(
    graph: NetGraph, units: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    values = np.zeros(graph.n_units)
    values[units] = 1.0
    return values, np.zeros(len(graph.layers), dtype=np.int64)


def _csr(graph: NetGraph) -> tuple[Any, Any, Any]:
    """The CSR arrays; unsigned indices spare compiled code the test for negative ones."""
    weights = graph.weights
    return weights.indptr.view(np.uint32), weights.indices.view(np.uint32), weights.data


def _feeds(graph: NetGraph) -> tuple[Any, Any, Any]:
    """Bounds of the layers [L + 1] and, as CSR, the layers that each layer feeds."""
    number = {layer.name: at for at, layer in enumerate(graph.layers)}
    fed: list[list[int]] = [[] for _ in graph.layers]
    for block in graph.blocks:
        fed[number[block.source]].append(number[block.target])
    bounds = np.array([0, *(layer.stop for layer in graph.layers)], dtype=np.int64)
    first = np.cumsum([0, *map(len, fed)], dtype=np.int64)
    return bounds, first, np.array([at for some in fed for at in some], dtype=np.int64)


def _fits(graph: NetGraph) -> bool:
    weights = graph.weights.data
    return weights.dtype == np.float32 or _within(weights, _LIGHTEST, _HEAVIEST)


@_compiled
def _within(values: Any, least: float, most: float) -> bool:
    """Whether each number is 0 or of a size between the two."""
    for value in values:  # noqa: SIM110 -- compiled
        if value != 0.0 and not least <= abs(value) <= most:
            return False
    return True


@_compiled
def _rescale(values: Any, power: int) -> bool:
    """Multiply by 2^power in place; whether all numbers stay within the span."""
    factor = math.ldexp(1.0, power) if abs(power) <= 1000 else 0.0
    for at in range(values.size):
        if values[at] != 0.0:
            values[at] *= factor
            if not _LEAST <= abs(values[at]) <= _MOST:
                return False
    return True


@_compiled
def _power(values: Any) -> int:
    """Exponent of the largest, `_DEAD` if all are 0."""
    largest = 0.0
    for value in values:
        largest = max(largest, abs(value))
    return math.frexp(largest)[1] if largest > 0.0 else _DEAD


@_compiled
def _push(
    indptr: Any, indices: Any, weights: Any, bounds: Any, first: Any, fed: Any,
    removed: Any, squared: bool, values: Any, exponents: Any,
) -> bool:  # fmt: skip
    """Fill `values` [U] and `exponents` [L], given 1 at the inputs, from the inputs on."""
    for layer in range(exponents.size):
        own = values[bounds[layer] : bounds[layer + 1]]
        own[removed[bounds[layer] : bounds[layer + 1]]] = 0.0
        power = _power(own)
        if power == _DEAD:
            continue
        if not _rescale(own, -power):
            return False
        exponents[layer] += power
        for target in fed[first[layer] : first[layer + 1]]:
            gap = exponents[target] - exponents[layer]
            if gap != 0 and not _rescale(values[bounds[target] : bounds[target + 1]], gap):
                return False
            exponents[target] = exponents[layer]
        for unit in range(bounds[layer], bounds[layer + 1]):
            value = values[unit]
            if value != 0.0:
                for edge in range(indptr[unit], indptr[unit + 1]):
                    weight = np.float64(weights[edge])
                    values[indices[edge]] += value * (weight * weight if squared else weight)
    return True


@_compiled
def _pull(
    indptr: Any, indices: Any, weights: Any, bounds: Any, first: Any, fed: Any,
    removed: Any, squared: bool, values: Any, exponents: Any,
    before: Any, before_exponents: Any, through: Any,
) -> bool:  # fmt: skip
    """Fill `values` and `exponents`, given 1 at the outputs, from the outputs back.

    If `through` [E] is not empty, also fill it with before[u] · weight · value[v].
    """
    for layer in range(exponents.size - 1, -1, -1):
        own = values[bounds[layer] : bounds[layer + 1]]
        targets = fed[first[layer] : first[layer + 1]]
        top = _power(own)
        for target in targets:
            top = max(top, exponents[target])
        exponents[layer] = _DEAD
        if top == _DEAD:
            continue
        if not _rescale(own, -top):
            return False
        for target in targets:
            gap = exponents[target] - top
            if exponents[target] != _DEAD and gap != 0:
                if not _rescale(values[bounds[target] : bounds[target + 1]], gap):
                    return False
                exponents[target] = top
        factor = 0.0
        if through.size > 0 and _power(before[bounds[layer] : bounds[layer + 1]]) != _DEAD:
            shared = before_exponents[layer] + top
            if not _SHARED_LEAST <= shared <= _SHARED_MOST:
                return False
            factor = math.ldexp(1.0, shared)
        for unit in range(bounds[layer], bounds[layer + 1]):
            total = values[unit]
            reaching = before[unit] * factor
            if reaching != 0.0:
                for edge in range(indptr[unit], indptr[unit + 1]):
                    part = weights[edge] * values[indices[edge]]
                    total += part
                    through[edge] = reaching * part
            else:
                for edge in range(indptr[unit], indptr[unit + 1]):
                    weight = np.float64(weights[edge])
                    total += (weight * weight if squared else weight) * values[indices[edge]]
            values[unit] = 0.0 if removed[unit] else total
        power = _power(own)
        if power != _DEAD:
            if not _rescale(own, -power):
                return False
            exponents[layer] = top + power
    return True
