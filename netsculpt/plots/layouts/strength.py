"""How strongly an edge is drawn."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["heavy_weight", "strength"]

_HEAVY: Final = 0.99  # quantile of |weight| from which edges are drawn at full strength


def strength(magnitude: NDArray[np.floating], group: NDArray[np.integer]) -> NDArray[np.float64]:
    """|weight| [E] as a share, 0 … 1, of that of a heavy edge of the same group. O(E log E).

    A group is a pair of layers: weights of different layers have different scales, on one of which
    the edges of whole layers would vanish.

    >>> strength(np.array([1.0, 2.0, 10.0, 20.0]), np.array([0, 0, 1, 1])).round(2).tolist()
    [0.5, 1.0, 0.5, 1.0]
    """
    heavy = heavy_weight(magnitude, group)
    share = np.zeros(magnitude.size)
    np.divide(magnitude, heavy, out=share, where=heavy > 0)
    return np.minimum(share, 1.0, out=share)


def heavy_weight(
    magnitude: NDArray[np.floating], group: NDArray[np.integer]
) -> NDArray[np.float64]:
    """|weight| of a heavy edge of the group of each edge [E]: one in a hundred is heavier.

    >>> heavy_weight(np.array([1.0, 2.0, 10.0, 20.0]), np.array([0, 0, 1, 1])).round(2).tolist()
    [1.99, 1.99, 19.9, 19.9]
    """
    heavy = np.zeros(magnitude.size)
    order = np.argsort(group, kind="stable")
    first = np.flatnonzero(np.diff(group[order])) + 1
    for part in np.split(order, first):
        heavy[part] = np.quantile(magnitude[part], _HEAVY) if part.size else 0.0
    return heavy
