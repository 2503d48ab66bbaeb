"""Many edges as a picture of how densely they lie."""

from __future__ import annotations

from math import ceil, floor
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.compiled import compiled

__all__ = ["density"]

Floats = NDArray[np.float64]

_FEW: Final = 0.99  # share of the pixels with an edge that are less than opaque
_POWER: Final = 0.6  # of the density: between its logarithm, which is flat, and itself
_OPAQUE: Final = 0.9
_LEVELS: Final = 15.0  # of each colour, and of how opaque it is


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
    layered = np.zeros((len(colours), height, width))
    _add(curves, share, kind, layered)
    sums = layered.reshape(len(colours), -1)
    total = sums.sum(axis=0)
    picture = np.zeros((height * width, 4))
    drawn = total > 0
    if drawn.any():
        picture[drawn, :3] = (sums[:, drawn] / total[drawn]).T @ colours
        dense = np.quantile(total[drawn], _FEW)
        picture[drawn, 3] = _OPAQUE * np.minimum(total[drawn] / dense, 1.0) ** _POWER
    rounded: Floats = np.rint(picture * _LEVELS) / _LEVELS  # few values make a small file
    return rounded.reshape(height, width, 4)


@compiled
def _add(curves: Any, share: Any, kind: Any, sums: Any) -> None:
    """Add the share of every curve to each pixel of its kind [K, height, width] that it is on.

    A curve is followed in steps of a pixel at most, and each step counts.
    """
    _, height, width = sums.shape
    for edge in range(share.size):
        (x0, y0), (x1, y1), (x2, y2) = curves[edge, 0], curves[edge, 1], curves[edge, 2]
        bent = max(abs(x1 - x0), abs(y1 - y0)) + max(abs(x2 - x1), abs(y2 - y1))
        n_steps = max(ceil(bent), 1)
        for step in range(n_steps):
            t = (step + 0.5) / n_steps
            column = floor((1 - t) ** 2 * x0 + 2 * t * (1 - t) * x1 + t**2 * x2)
            row = floor((1 - t) ** 2 * y0 + 2 * t * (1 - t) * y1 + t**2 * y2)
            if 0 <= column < width and 0 <= row < height:
                sums[kind[edge], row, column] += share[edge]
