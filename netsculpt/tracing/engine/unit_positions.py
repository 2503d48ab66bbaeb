"""Which index in its layer each unit has, where elements share units or have none."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netsculpt.tracing.engine.activation import NOTHING
from netsculpt.tracing.engine.edges import Ints

__all__ = ["unit_positions"]


def unit_positions(units: Ints, shape: Sequence[int], start: int, n_units: int) -> Ints | None:
    """The index of each unit in a layer of a shape, batch removed [n_units].

    Units that differ along one dimension alone, as channels do, have their first index there; any
    other unit has the number of its first element. None if the elements of `units` are not those
    of the layer, or lack a unit of it. O(elements).

    >>> unit_positions(np.array([4, NOTHING, 5, 4]), (4,), 4, 2).tolist()
    [0, 2]
    >>> channels = np.array([[[4, 4], [4, 4]], [[5, 5], [5, NOTHING]]])
    >>> unit_positions(channels, (2, 2, 2), 4, 2).tolist()
    [0, 1]
    """
    size = math.prod(shape)
    if not size or units.size < size or units.size % size:
        return None
    one = units.reshape(-1, *shape)[0]  # all samples have the same
    flat = one.reshape(-1)
    own = np.flatnonzero((flat >= start) & (flat < start + n_units))
    number = flat[own] - start
    elements = np.full(n_units, NOTHING)
    elements[number[::-1]] = own[::-1]  # of several the first
    if (elements == NOTHING).any():
        return None
    if own.size == n_units or one.ndim == 1:
        return elements
    for dim in range(one.ndim):
        lines = np.moveaxis(one, dim, 0).reshape(shape[dim], -1)
        there = lines != NOTHING
        top = lines.max(axis=1)
        if not ((lines != top[:, None]) & there).any():
            index = np.flatnonzero((top >= start) & (top < start + n_units))
            along = np.full(n_units, NOTHING)
            along[top[index][::-1] - start] = index[::-1]
            return along
    return elements
