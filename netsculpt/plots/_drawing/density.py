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
    from netsculpt.plots._drawing._compiled import pixel_sums

    width, height = size
    sums = pixel_sums(curves, share, kind.astype(np.int64), len(colours), width, height)
    total = sums.sum(axis=0)
    picture = np.zeros((height * width, 4))
    drawn = total > 0
    if drawn.any():
        picture[drawn, :3] = (sums[:, drawn] / total[drawn]).T @ colours
        dense = np.quantile(total[drawn], _FEW)
        picture[drawn, 3] = _OPAQUE * np.minimum(total[drawn] / dense, 1.0) ** _POWER
    rounded: Floats = np.rint(picture * _LEVELS) / _LEVELS  # few values make a small file
    return rounded.reshape(height, width, 4)
