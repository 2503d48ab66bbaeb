"""Sweeps in compiled code over the whole CSR, with one exponent per layer.

Imported only when a large graph is swept. The numbers of a layer may span 2^±700 and float64
weights 2^±150; a sweep that exceeds this returns None.
"""

from __future__ import annotations

import math
from functools import partial
from itertools import chain, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.compiled import compiled
from netsculpt.core.parallel import in_threads
from netsculpt.graph.graph import NetGraph
from netsculpt.paths._scaled import Scaled, scaled

__all__ = ["backward", "forward", "units_through", "weights_through"]

_LEAST, _MOST = 2.0**-700, 2.0**700  # a number times a squared weight stays a normal float64
_LIGHTEST, _HEAVIEST = 2.0**-150, 2.0**150  # includes every float32
_SHARED_LEAST, _SHARED_MOST = -300, 850  # exponents that a unit's number can absorb without loss
_PLAIN_LEAST, _PLAIN_MOST = 2.0**-150, 2.0**400  # any two of these can share an exponent
_DEAD = -(2**30)
_PART = 1 << 18  # edges per thread at a time
_UNSIGNED = np.int64(2**63 - 1)


def forward(graph: NetGraph, squared: bool, removed: NDArray[np.bool_]) -> Scaled | None:
    """Weight of the paths from the inputs to each unit [U]."""
    values, exponents = _ones_at(graph, graph.inputs)
    fits = _fits(graph) and _push(*_csr(graph), *_feeds(graph), removed, squared, values, exponents)
    return scaled(values, exponents[graph.layer_of]) if fits else None


def backward(graph: NetGraph, squared: bool, removed: NDArray[np.bool_]) -> Scaled | None:
    """Weight of the paths from each unit to the outputs [U]."""
    values, exponents = _ones_at(graph, graph.outputs)
    none = np.zeros(0)
    fits = _fits(graph) and _pull(
        *_csr(graph), *_feeds(graph), removed, squared, values, exponents,
        values, exponents, none, none,
    )  # fmt: skip
    return scaled(values, exponents[graph.layer_of]) if fits else None


def units_through(graph: NetGraph) -> NDArray[np.float64] | None:
    """Weight of the paths through each unit [U]."""
    return _through(graph, np.zeros(0))


def weights_through(
    graph: NetGraph, jobs: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Weight of the paths through each unit [U] and each edge [E]."""
    weights = None if jobs == 1 else _through_in_threads(graph, jobs)
    if weights is not None:
        return weights
    edges = np.zeros(graph.n_edges)
    units = _through(graph, edges)
    return None if units is None else (units, edges)


def _through(graph: NetGraph, edges: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Weight of the paths through each unit [U]; also fills `edges` [E], if not empty."""
    arrays = *_csr(graph), *_feeds(graph), np.zeros(graph.n_units, dtype=bool), False
    before, after = _ones_at(graph, graph.inputs), _ones_at(graph, graph.outputs)
    units = np.zeros(graph.n_units)
    fits = (
        _fits(graph)
        and _push(*arrays, *before)
        and _pull(*arrays, *after, *before, units, edges)
        and np.isfinite(units).all()
    )
    return units if fits else None


def _through_in_threads(
    graph: NetGraph, jobs: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Both directions in parallel, then all edges: the same bytes as `_through`.

    Threads synchronise only twice; if they shared each layer, they would wait for longer than they
    work. None also if float64 cannot hold both directions without exponents.
    """
    csr, feeds, none = _csr(graph), _feeds(graph), np.zeros(0)
    shared = *csr, *feeds, np.zeros(graph.n_units, dtype=bool), False
    before, after = _ones_at(graph, graph.inputs), _ones_at(graph, graph.outputs)
    units, edges = np.zeros(graph.n_units), np.zeros(graph.n_edges)
    sweeps = [
        partial(_push, *shared, *before),
        partial(_pull, *shared, *after, *after, none, none),
        partial(_fits, graph),
    ]
    if not all(in_threads(lambda sweep: sweep(), sweeps, jobs)):
        return None
    if not (_unscale(feeds[0], *before) and _unscale(feeds[0], *after)):
        return None
    cuts = np.searchsorted(csr[0], np.arange(_PART, graph.n_edges, _PART)).tolist()
    fill = partial(_fill, *csr, before[0], after[0], units, edges)
    list(in_threads(lambda part: fill(*part), pairwise([0, *cuts, graph.n_units]), jobs))
    return units, edges


def _ones_at(
    graph: NetGraph, units: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    values = np.zeros(graph.n_units)
    values[units] = 1.0
    return values, np.zeros(len(graph.layers), dtype=np.int64)


def _csr(graph: NetGraph) -> tuple[Any, Any, Any]:
    """The CSR arrays; with unsigned indices, compiled code need not test for negative ones."""
    weights = graph.weights
    return weights.indptr.view(np.uint32), weights.indices.view(np.uint32), weights.data


def _feeds(graph: NetGraph) -> tuple[Any, Any, Any]:
    """Bounds of the layers [L + 1] and, as CSR, the layers that each layer feeds."""
    number = {layer.name: index for index, layer in enumerate(graph.layers)}
    fed: list[list[int]] = [[] for _ in graph.layers]
    for block in graph.blocks:
        fed[number[block.source]].append(number[block.target])
    bounds = np.array([0, *(layer.stop for layer in graph.layers)], dtype=np.int64)
    first = np.cumsum([0, *map(len, fed)], dtype=np.int64)
    return bounds, first, np.array([*chain.from_iterable(fed)], dtype=np.int64)


def _fits(graph: NetGraph) -> bool:
    weights = graph.weights.data
    return weights.dtype == np.float32 or _within(weights, _LIGHTEST, _HEAVIEST)


@compiled
def _within(values: Any, least: float, most: float) -> bool:
    """Whether each number is 0 or has a size between the two."""
    for value in values:  # noqa: SIM110 -- compiled
        if value != 0.0 and not least <= abs(value) <= most:
            return False
    return True


@compiled
def _rescale(values: Any, power: int, least: float = _LEAST, most: float = _MOST) -> bool:
    """Multiply by 2^power in place; whether all numbers stay within the span."""
    factor = math.ldexp(1.0, power) if abs(power) <= 1000 else 0.0
    outside = 0
    for index in range(values.size):
        size = abs(values[index] * factor)
        outside += (values[index] != 0.0) & ~((size >= least) & (size <= most))
        values[index] *= factor
    return outside == 0


@compiled
def _power(values: Any) -> int:
    """Exponent of the largest, `_DEAD` if all are 0."""
    largest = np.int64(0)
    for bits in values.view(np.int64):  # without the sign, ordered as the numbers
        largest = max(largest, bits & _UNSIGNED)
    return int(largest >> 52) - 1022 if largest > 0 else _DEAD


@compiled
def _push(
    indptr: Any, indices: Any, weights: Any, bounds: Any, first: Any, fed: Any,
    removed: Any, squared: bool, values: Any, exponents: Any,
) -> bool:  # fmt: skip
    """Fill `values` [U], initially 1 at the inputs, and `exponents` [L], from the inputs on."""
    for layer in range(exponents.size):
        own = values[bounds[layer] : bounds[layer + 1]]
        for unit in range(bounds[layer], bounds[layer + 1]):
            values[unit] = 0.0 if removed[unit] else values[unit]
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


@compiled
def _pull(
    indptr: Any, indices: Any, weights: Any, bounds: Any, first: Any, fed: Any,
    removed: Any, squared: bool, values: Any, exponents: Any,
    before: Any, before_exponents: Any, units: Any, edges: Any,
) -> bool:  # fmt: skip
    """Fill `values`, initially 1 at the outputs, and `exponents`, from the outputs back.

    If `units` [U] is not empty, also fill it with before · value, and `edges` [E], if not empty,
    with before[u] · weight · value[v].
    """
    for layer in range(exponents.size - 1, -1, -1):
        fits, top, factor = _enter(
            layer, bounds, first, fed, values, exponents, before, before_exponents, units
        )
        if not fits:
            return False
        if top != _DEAD:
            _pull_rows(
                bounds[layer], bounds[layer + 1], indptr, indices, weights, removed, squared,
                values, before, factor, units, edges,
            )  # fmt: skip
            if not _leave(layer, bounds, values, exponents, top):
                return False
    return True


@compiled
def _enter(
    layer: int, bounds: Any, first: Any, fed: Any, values: Any, exponents: Any,
    before: Any, before_exponents: Any, units: Any,
) -> tuple[bool, int, float]:  # fmt: skip
    """Bring a layer and those that it feeds to one exponent.

    Returns whether all numbers stay within the span, the exponent (`_DEAD` if all are 0), and
    the factor of `before` in the weight through units and edges.
    """
    own = values[bounds[layer] : bounds[layer + 1]]
    targets = fed[first[layer] : first[layer + 1]]
    top = _power(own)
    for target in targets:
        top = max(top, exponents[target])
    exponents[layer] = _DEAD
    if top == _DEAD:
        return True, top, 0.0
    if not _rescale(own, -top):
        return False, top, 0.0
    for target in targets:
        gap = exponents[target] - top
        if exponents[target] != _DEAD and gap != 0:
            if not _rescale(values[bounds[target] : bounds[target + 1]], gap):
                return False, top, 0.0
            exponents[target] = top
    if units.size == 0 or _power(before[bounds[layer] : bounds[layer + 1]]) == _DEAD:
        return True, top, 0.0
    shared = before_exponents[layer] + top
    fits = _SHARED_LEAST <= shared <= _SHARED_MOST
    return fits, top, math.ldexp(1.0, shared) if fits else 0.0


@compiled
def _pull_rows(
    start: int, stop: int, indptr: Any, indices: Any, weights: Any, removed: Any, squared: bool,
    values: Any, before: Any, factor: float, units: Any, edges: Any,
) -> None:  # fmt: skip
    """`_pull` for the units from `start` to `stop`, all of one layer."""
    for unit in range(start, stop):
        total = values[unit]
        reaching = before[unit] * factor
        if reaching != 0.0 and edges.size > 0:
            for edge in range(indptr[unit], indptr[unit + 1]):
                part = weights[edge] * values[indices[edge]]
                total += part
                edges[edge] = reaching * part + 0.0  # no −0
        else:
            for edge in range(indptr[unit], indptr[unit + 1]):
                weight = np.float64(weights[edge])
                total += (weight * weight if squared else weight) * values[indices[edge]]
        values[unit] = 0.0 if removed[unit] else total
        if units.size > 0:
            units[unit] = reaching * total + 0.0


@compiled
def _leave(layer: int, bounds: Any, values: Any, exponents: Any, top: int) -> bool:
    """Bring a pulled layer to its own exponent; whether all numbers stay within the span."""
    own = values[bounds[layer] : bounds[layer + 1]]
    power = _power(own)
    if power == _DEAD:
        return True
    exponents[layer] = top + power
    return _rescale(own, -power)


@compiled
def _unscale(bounds: Any, values: Any, exponents: Any) -> bool:
    """Multiply the numbers of each layer by its power of two; whether float64 can hold them."""
    for layer in range(exponents.size):
        own = values[bounds[layer] : bounds[layer + 1]]
        if not _rescale(own, exponents[layer], _PLAIN_LEAST, _PLAIN_MOST):
            return False
    return True


@compiled
def _fill(
    indptr: Any, indices: Any, weights: Any, before: Any, after: Any, units: Any, edges: Any,
    start: int, stop: int,
) -> None:  # fmt: skip
    """Fill in the weights through the units from `start` to `stop` and the edges out of them."""
    for unit in range(start, stop):
        reaching = before[unit]
        units[unit] = reaching * after[unit] + 0.0
        if reaching != 0.0:
            for edge in range(indptr[unit], indptr[unit + 1]):
                edges[edge] = reaching * (weights[edge] * after[indices[edge]]) + 0.0
