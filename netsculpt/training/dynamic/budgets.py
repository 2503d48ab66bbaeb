"""How much is kept in all: ``(progress) -> density``, both 0 … 1."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

__all__ = ["alternating", "constant", "cubic", "linear", "sigmoid", "stairs"]
__dir__ = __all__.copy


def constant(progress: float, *, density: float) -> float:  # noqa: ARG001
    """The same density throughout.

    >>> constant(0.5, density=0.1)
    0.1
    """
    return density


def cubic(progress: float, *, density: float, start: float = 1.0) -> float:
    r"""Fast at first, :math:`d_1 + (d_0 - d_1) (1 - x)^3`.

    Zhu and Gupta, arXiv:1710.01878, equation 1; GraNet: Liu et al., arXiv:2106.10404, section 3.

    >>> [round(cubic(x / 10, density=0.1, start=0.5), 4) for x in (0, 1, 5, 10)]
    [0.5, 0.3916, 0.15, 0.1]
    """
    return density + (start - density) * float((1 - min(progress, 1.0)) ** 3)


def linear(progress: float, *, density: float, start: float = 1.0, until: float = 1.0) -> float:
    r"""Straight down to the progress u, :math:`d_1 + (d_0 - d_1) (1 - x / u)`; then the density.

    >>> [round(linear(x, density=0.1, until=0.5), 3) for x in (0.0, 0.25, 0.5, 1.0)]
    [1.0, 0.55, 0.1, 0.1]
    """
    return density + (start - density) * max(1 - progress / until, 0.0)


def sigmoid(
    progress: float, *, density: float, start: float = 0.5, steepness: float = 6.0
) -> float:
    r"""Slow, fast, slow, :math:`d_1 + (d_0 - d_1) \frac{s(x) - s(1)}{s(0) - s(1)}`.

    :math:`s(x) = 1 / (1 + e^{k (x - 1/2)})`, so that both ends are met. Zhang et al.,
    arXiv:2501.19107, use a sigmoid for CHTss.

    >>> [round(sigmoid(x, density=0.1), 3) for x in (0.0, 0.5, 1.0)]
    [0.5, 0.3, 0.1]
    """
    high, low = _logistic(0.0, steepness), _logistic(1.0, steepness)
    share = (_logistic(min(progress, 1.0), steepness) - low) / (high - low)
    return density + (start - density) * share


def stairs(progress: float, *, edges: Sequence[float], densities: Sequence[float]) -> float:
    """One density after another: `densities[k]` from the progress `edges[k]` on.

    >>> stairs(0.5, edges=(0.0, 0.4, 0.8), densities=(0.4, 0.2, 0.1))
    0.2
    """
    return densities[max(bisect_right(edges, progress) - 1, 0)]


def alternating(progress: float, *, edges: Sequence[float], density: float) -> float:
    """Dense at first; at each edge sparse, then dense again, and so on, as in AC/DC.

    Peste et al., arXiv:2106.12379, algorithm 1.

    >>> [alternating(x, edges=(0.2, 0.5, 0.6), density=0.1) for x in (0.1, 0.2, 0.5, 1.0)]
    [1.0, 0.1, 1.0, 0.1]
    """
    return density if bisect_right(edges, progress) % 2 else 1.0


def _logistic(x: float, steepness: float) -> float:
    return 1 / (1 + math.exp(steepness * (x - 0.5)))
