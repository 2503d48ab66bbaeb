"""Orders and heights of tied items, by sweeps over the ties."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.sparse import csr_array

__all__ = [
    "SWEEPS",
    "Floats",
    "Ints",
    "aligned",
    "line_order",
    "neighbour_mean",
    "smoothed",
    "stack",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SWEEPS = 8
_DIFFUSIONS = 100
_MOST_SWAPPED = 200  # items; larger sets are ordered by sweeps alone


def line_order(ties: csr_array) -> Ints:
    """Order n items in a line so that strong ties are short: Σ w_ij |place_i − place_j|.

    `ties` is symmetric [n, n]. Barycentre sweeps, then swaps of neighbours while they help.
    Returns the items, first to last.
    """
    n = ties.shape[0]
    pairs = ties.tocoo()
    best, least = np.arange(n), np.inf
    for start in (np.arange(n), smoothed(ties)):
        place = np.argsort(np.argsort(start, kind="stable")).astype(np.float64)
        for _ in range(2 * SWEEPS):
            length = float((pairs.data * np.abs(place[pairs.row] - place[pairs.col])).sum())
            if length < least:
                least, best = length, np.argsort(place)
            wanted = (place + neighbour_mean(ties, place, place)) / 2
            place[np.argsort(wanted, kind="stable")] = np.arange(n)
    return _swapped(ties.toarray(), best) if n <= _MOST_SWAPPED else best


def stack(wanted: Floats, extent: Floats, gap: float, room: float) -> Floats:
    """Middles of items stacked in the given order, as close as possible to `wanted`.

    Least squares subject to: no overlap, `gap` between neighbours, all within 0 … `room`.
    """
    step = extent + gap
    before = np.cumsum(step) - step + extent / 2
    free = max(room - (step.sum() - gap), 0.0)
    slack = isotonic_regression(wanted - before, weights=np.maximum(extent, 1e-9)).x
    return before + np.clip(np.asarray(slack, dtype=np.float64), 0.0, free)


def aligned(
    ties: csr_array, columns: list[Ints], extent: Floats, gap: float, height: float
) -> Floats:
    """Middles of items in columns, each as close as possible to the mean height of its neighbours.

    `ties` [n, n] lead to later columns; `columns` holds the items of each, from top to bottom.
    """
    middle = np.full(extent.size, height / 2)
    for chosen in columns:
        middle[chosen] = stack(middle[chosen], extent[chosen], gap, height)
    back, both = csr_array(ties.T), csr_array(ties + ties.T)
    for seen in [back, ties] * SWEEPS + [both, both]:
        for chosen in columns[::-1] if seen is ties else columns:
            wanted = neighbour_mean(seen[chosen], middle, middle[chosen])
            middle[chosen] = stack(wanted, extent[chosen], gap, height)
    top = float((middle - extent / 2).min(initial=height))
    bottom = float((middle + extent / 2).max(initial=0.0))
    return middle + (height - top - bottom) / 2


def smoothed(ties: csr_array) -> Floats:
    """Each item near the mean of its neighbours, all spread out: the slowest mode of diffusion."""
    place = np.linspace(-1.0, 1.0, ties.shape[0])
    total = ties.sum(axis=1)
    for _ in range(_DIFFUSIONS):
        place = (place + neighbour_mean(ties, place, place)) / 2
        place -= (place @ total) / max(float(total.sum()), 1e-300)
        place /= np.abs(place).max(initial=1e-300)
    return place


def neighbour_mean(ties: csr_array, height: Floats, lonely: Floats) -> Floats:
    """Mean height of each row's neighbours; `lonely` for rows without neighbours."""
    total = ties.sum(axis=1)
    return np.where(total > 0, (ties @ height) / np.where(total > 0, total, 1.0), lonely)


def _swapped(ties: Floats, order: Ints) -> Ints:
    """The order after swapping neighbours while that shortens ties, in a few passes at most."""
    order = order.copy()
    for _ in range(SWEEPS):
        changed = False
        for i in range(order.size - 1):
            a, b = order[i], order[i + 1]
            towards = ties[a] - ties[b]
            gain = towards[order[i + 2 :]].sum() - towards[order[:i]].sum()
            if gain > 1e-9 * ties.max():
                order[i], order[i + 1] = b, a
                changed = True
        if not changed:
            break
    return order
