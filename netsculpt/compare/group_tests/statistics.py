"""How far two groups of vectors are apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["energy_distances", "hedges_g", "mean_differences", "step_down"]

Floats = NDArray[np.float64]

_Z = 1.959963984540054  # of 95 %
_SLICE = 4096  # divisions at a time


def energy_distances(values: Floats, first: Floats) -> Floats:
    r"""Energy distance of the two groups of vectors [N, F] in each division [P, N] of them.

    .. math:: 2\,E|X - Y| - E|X - X'| - E|Y - Y'|

    with means over all pairs of vectors, each with itself included: 0 if the groups are equal,
    never negative. Székely and Rizzo, J. Stat. Plan. Inference 143, 1249 (2013),
    doi:10.1016/j.jspi.2013.03.018. O(N² F + P N²).

    >>> energy_distances(np.array([[0.0], [0.0], [3.0], [3.0]]), np.array([[1.0, 1, 0, 0]]))
    array([6.])
    """
    from scipy.spatial.distance import cdist

    distance = cdist(values, values)
    found = np.empty(len(first))
    for start in range(0, len(first), _SLICE):
        part = slice(start, start + _SLICE)
        one = first[part] / first[part].sum(axis=1, keepdims=True)
        other = (1 - first[part]) / (1 - first[part]).sum(axis=1, keepdims=True)
        difference = one - other  # −(x − y)ᵀ D (x − y) is the sum of the three terms
        found[part] = -np.einsum("pi,ij,pj->p", difference, distance, difference, optimize=True)
    return np.maximum(found, 0.0)


def mean_differences(values: Floats, first: Floats) -> Floats:
    """|Difference of the means| of each standardised feature [N, F] in each division [P, F].

    In every division the order is that of |t| of Student's test, which is a rising function of it.
    """
    sums = first @ values
    n = first.sum(axis=1, keepdims=True)
    return np.asarray(np.abs(sums / n - (values.sum(axis=0) - sums) / (len(values) - n)))


def step_down(statistics: Floats) -> Floats:
    """Statistics [P, F] for the adjusted p of each feature: the largest among it and lesser ones.

    Features count from that of the largest given statistic, row 0, to the least. Westfall and
    Young, Resampling-Based Multiple Testing (1993): step-down max-T. The p of these, made to rise,
    keep the chance of any wrong discovery at the level, however the features depend on each other.
    """
    order = np.argsort(-statistics[0], kind="stable")
    successive = np.maximum.accumulate(statistics[:, order][:, ::-1], axis=1)[:, ::-1]
    largest = np.empty_like(statistics)
    largest[:, order] = successive
    return largest


def hedges_g(first: Floats, second: Floats) -> tuple[float, float, float]:
    r"""Standardised difference of two means, second − first, with its 95 % interval.

    .. math:: g = \left(1 - \frac{3}{4 (n + m) - 9}\right) \frac{\bar y - \bar x}{s}, \qquad
        \mathrm{se}^2 = \frac{n + m}{n m} + \frac{g^2}{2 (n + m)}

    with s pooled. Hedges and Olkin, Statistical Methods for Meta-Analysis (1985), chapter 5: the
    approximation for large samples. NaN without a spread.

    >>> [round(x, 3) for x in hedges_g(np.array([0.0, 2.0]), np.array([2.0, 4.0]))]
    [0.808, -1.23, 2.847]
    """
    n, m = first.size, second.size
    nan = float("nan")
    if n + m < 3:
        return nan, nan, nan
    pooled = (first.var() * n + second.var() * m) / (n + m - 2)
    if not pooled > 0:
        return nan, nan, nan
    shrink = 1 - 3 / (4 * (n + m) - 9)
    g = shrink * float(second.mean() - first.mean()) / float(np.sqrt(pooled))
    half = _Z * float(np.sqrt((n + m) / (n * m) + g**2 / (2 * (n + m))))
    return g, g - half, g + half
