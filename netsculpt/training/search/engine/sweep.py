"""One pass through a network, unit by unit, for many columns at once.

A row is the values of one unit in every column: a sample, or a roll-out. Rows are contiguous, so
that the loops over columns are SIMD; their length is best a multiple of `COLUMNS`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from netsculpt.core.compiled import compiled
from netsculpt.training.search.engine.approximations import (
    cosine,
    gaussian,
    hyperbolic_tangent,
    sine,
)

__all__ = ["apply", "raw_sum", "sweep", "sweep_weighted", "weighted_sum"]


_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)


@compiled
def raw_sum(sources: Any, start: int, stop: int, rows: Any, into: Any) -> None:
    """Write the sum of the rows ``sources[start:stop]`` into another row."""
    n = into.size
    edge = start + (stop - start) % 3
    if edge == start:
        for k in range(n):
            into[k] = _ZERO
    elif edge == start + 1:
        a = rows[sources[start]]
        for k in range(n):  # a loop: assigning a row is slower
            into[k] = a[k]
    else:
        a, b = rows[sources[start]], rows[sources[start + 1]]
        for k in range(n):
            into[k] = a[k] + b[k]
    while edge < stop:  # three at a time: the sum is read and written once for the three
        a, b, c = rows[sources[edge]], rows[sources[edge + 1]], rows[sources[edge + 2]]
        for k in range(n):
            into[k] += a[k] + b[k] + c[k]
        edge += 3


@compiled
def weighted_sum(sources: Any, weights: Any, start: int, stop: int, rows: Any, into: Any) -> None:
    """Write the sum of rows, each times the weight of its edge, into another row."""
    into[:] = _ZERO
    for edge in range(start, stop):
        weight, a = weights[edge], rows[sources[edge]]
        for k in range(into.size):
            into[k] += weight * a[k]


@compiled
def apply(kind: int, sums: Any, scale: Any, into: Any) -> None:
    """Write the activation of ``sums * scale`` into a row; all three are [columns]."""
    n = into.size
    if kind == 0:
        for k in range(n):
            into[k] = sums[k] * scale[k]
    elif kind == 1:
        for k in range(n):
            into[k] = _ONE if sums[k] * scale[k] > _ZERO else _ZERO
    elif kind == 2:
        for k in range(n):
            into[k] = sine(sums[k] * scale[k])
    elif kind == 3:
        for k in range(n):
            into[k] = gaussian(sums[k] * scale[k])
    elif kind == 4:
        for k in range(n):
            into[k] = hyperbolic_tangent(sums[k] * scale[k])
    elif kind == 5:
        for k in range(n):
            into[k] = hyperbolic_tangent(sums[k] * scale[k] * _HALF) * _HALF + _HALF
    elif kind == 6:
        for k in range(n):
            into[k] = -(sums[k] * scale[k])
    elif kind == 7:
        for k in range(n):
            into[k] = abs(sums[k] * scale[k])
    elif kind == 8:
        for k in range(n):
            x = sums[k] * scale[k]
            into[k] = _ZERO if x < _ZERO else x
    elif kind == 9:
        for k in range(n):
            into[k] = cosine(sums[k] * scale[k])
    else:
        for k in range(n):
            x = sums[k] * scale[k]
            into[k] = x * x


@compiled
def sweep(
    indptr: Any,
    sources: Any,
    activations: Any,
    first: int,
    scale: Any,
    ready: Any,
    raw: Any,
    rows: Any,
) -> None:
    """Compute the rows of all units from `first` on; the rows before are bias and inputs.

    Every sum is multiplied by the shared weight of its column, ``scale`` [columns]. The sums of
    units that are ``ready`` [U] are those in ``raw`` [U, columns] instead of being computed.
    """
    for unit in range(first, activations.size):
        into = rows[unit]
        if ready[unit]:
            apply(activations[unit], raw[unit], scale, into)
        else:
            raw_sum(sources, indptr[unit], indptr[unit + 1], rows, into)
            apply(activations[unit], into, scale, into)


@compiled
def sweep_weighted(
    indptr: Any, sources: Any, activations: Any, first: int, weights: Any, ones: Any, rows: Any
) -> None:
    """Compute the same rows with a weight for each edge [E]; ``ones`` is 1 for each column."""
    for unit in range(first, activations.size):
        into = rows[unit]
        weighted_sum(sources, weights, indptr[unit], indptr[unit + 1], rows, into)
        apply(activations[unit], into, ones, into)
