"""Many edges as a picture of how densely they lie."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["density"]

Floats = NDArray[np.float64]

_FEW: Final = 0.99  # share of the pixels with an edge that are less than opaque
_POWER: Final = 0.6  # of the density: between its logarithm, which is flat, and itself
_OPAQUE: Final = 0.9
_LEVELS: Final = 15.0  # of each colour, and of how opaque it is
_MOST_POINTS: Final = 4_000_000  # at a time


def density(
    curves: Floats,
    share: Floats,
    kind: NDArray[np.integer],
    colours: Floats,
    size: tuple[int, int],
) -> Floats:
    """A picture [height, width, RGBA] of edges, the more opaque the more of them there are.

    Parameters
    ----------
    curves
        Begin, control point and end of each edge [E, 3, 2], in pixels, x and y from the upper left:
        quadratic Bézier curves. Cost O(E × length in pixels).
    share
        How much each edge counts [E].
    kind
        Row of its colour [E]. A pixel has the mean colour of what is on it.
    colours
        [K, 3], 0 … 1.
    size
        Width and height in pixels.
    """
    width, height = size
    sums = np.zeros((len(colours), height * width))
    begin, bend, end = (curves[:, i] for i in range(3))
    reach = np.abs(bend - begin).max(axis=1) + np.abs(end - bend).max(axis=1)
    steps = np.maximum(np.ceil(reach), 1).astype(np.int64)
    bounds = np.searchsorted(np.cumsum(steps), np.arange(_MOST_POINTS, steps.sum(), _MOST_POINTS))
    for part in np.split(np.arange(steps.size), bounds):
        edge = np.repeat(part, steps[part])
        first = np.repeat(np.cumsum(steps[part]) - steps[part], steps[part])
        t = ((np.arange(edge.size) - first + 0.5) / steps[edge])[:, None]
        place = (1 - t) ** 2 * begin[edge] + 2 * t * (1 - t) * bend[edge] + t**2 * end[edge]
        column, row = np.floor(place.T).astype(np.int64)
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        pixel = (kind[edge] * height + row) * width + column
        sums += np.bincount(pixel[inside], share[edge][inside], sums.size).reshape(sums.shape)
    total = sums.sum(axis=0)
    picture = np.zeros((height * width, 4))
    drawn = total > 0
    if drawn.any():
        picture[drawn, :3] = (sums[:, drawn] / total[drawn]).T @ colours
        dense = np.quantile(total[drawn], _FEW)
        picture[drawn, 3] = _OPAQUE * np.minimum(total[drawn] / dense, 1.0) ** _POWER
    rounded: Floats = np.rint(picture * _LEVELS) / _LEVELS  # few values make a small file
    return rounded.reshape(height, width, 4)
