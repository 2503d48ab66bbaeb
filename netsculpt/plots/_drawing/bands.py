"""Bands between columns, and names next to them."""

from __future__ import annotations

import numpy as np
from matplotlib.path import Path
from numpy.typing import NDArray

__all__ = ["band", "spread_places"]

End = tuple[float, float, float]  # x, top, bottom


def band(left: End, right: End) -> Path:
    """Outline of a band from one column to another, level at both ends.

    >>> band((0.0, 0.0, 0.1), (1.0, 0.5, 0.6)).vertices[0].tolist()
    [0.0, 0.0]
    """
    (x, top, bottom), (end, end_top, end_bottom) = left, right
    middle = (x + end) / 2
    corners = [
        *((x, top), (middle, top), (middle, end_top), (end, end_top)),
        *((end, end_bottom), (middle, end_bottom), (middle, bottom), (x, bottom), (x, top)),
    ]
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    return Path(corners, codes)


def spread_places(
    middles: NDArray[np.float64], sizes: NDArray[np.int64], distance: float
) -> dict[int, float]:
    """Places of names, pushed apart to the distance; the largest modules' if not all have room."""
    n_fitting = max(int((1 + distance) / distance), 1)
    largest = np.argsort(-sizes, kind="stable")[:n_fitting]
    chosen = largest[np.argsort(middles[largest], kind="stable")]
    wanted = middles[chosen]
    steps = distance * np.arange(len(chosen))
    # The closest rising places in the sense of least squares: pools that would overlap share one.
    pools: list[list[float]] = []
    for value in (wanted - steps).tolist():
        pools.append([value])
        while len(pools) > 1 and np.mean(pools[-2]) > np.mean(pools[-1]):
            last = pools.pop()
            pools[-1] += last
    free = np.concatenate([np.full(len(pool), np.mean(pool)) for pool in pools])
    places = np.clip(free, 0.0, max(1.0 - steps[-1], 0.0)) + steps
    return dict(zip(chosen.tolist(), places.tolist(), strict=True))
