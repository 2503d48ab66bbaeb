"""Compiled: what lies on each pixel of a picture of many edges."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.compiled import compiled

__all__ = ["pixel_sums"]


@compiled
def pixel_sums(
    curves: NDArray[np.float64],
    share: NDArray[np.float64],
    kind: NDArray[np.int64],
    n_kinds: int,
    width: int,
    height: int,
) -> NDArray[np.float64]:
    """Shares of the edges on each pixel [K, height × width], by kind.

    A curve counts in each of its points, which are at most a pixel apart.
    """
    sums = np.zeros((n_kinds, height * width))
    for edge in range(share.size):
        (x0, y0), (x1, y1), (x2, y2) = curves[edge]
        reach = max(abs(x1 - x0), abs(y1 - y0)) + max(abs(x2 - x1), abs(y2 - y1))
        steps = max(math.ceil(reach), 1)
        for step in range(steps):
            t = (step + 0.5) / steps
            first, second, third = (1 - t) ** 2, 2 * t * (1 - t), t**2
            column = math.floor(first * x0 + second * x1 + third * x2)
            row = math.floor(first * y0 + second * y1 + third * y2)
            if 0 <= column < width and 0 <= row < height:
                sums[kind[edge], row * width + column] += share[edge]
    return sums
