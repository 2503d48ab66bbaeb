"""Intervals of shares, and how unequally something is shared."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from netsculpt.core.errors import FormatError

__all__ = ["gini", "paired_interval", "wilson"]

_Z = 1.959963984540054  # of 95 %


def wilson(n_hits: float, n: int, z: float = _Z) -> tuple[float, float]:
    """Wilson's interval of a share, 95 %; (0, 1) without a sample.

    Wilson, J. Am. Stat. Assoc. 22, 209 (1927), doi:10.1080/01621459.1927.10502953.

    >>> [round(x, 4) for x in wilson(8, 10)]
    [0.4902, 0.9433]
    """
    if n == 0:
        return 0.0, 1.0
    share, shrink = n_hits / n, 1 + z**2 / n
    middle = (share + z**2 / (2 * n)) / shrink
    half = z / shrink * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    low = 0.0 if n_hits == 0 else max(middle - half, 0.0)
    return low, 1.0 if n_hits == n else min(middle + half, 1.0)


def paired_interval(
    n_both: int, n_first: int, n_second: int, n_neither: int
) -> tuple[float, float]:
    """Interval of the difference of two shares of the same samples, first − second, 95 %.

    From the Wilson intervals of both and their correlation: Newcombe, Statist. Med. 17, 2635
    (1998), method 10, doi:10.1002/(SICI)1097-0258(19981130)17:22<2635::AID-SIM954>3.0.CO;2-C.

    Parameters
    ----------
    n_both, n_first, n_second, n_neither
        Samples that count in both shares, in the first only, in the second only, in neither.

    Examples
    --------
    >>> [round(x, 4) for x in paired_interval(36, 12, 2, 0)]
    [0.0569, 0.3404]
    """
    n = n_both + n_first + n_second + n_neither
    if n == 0:
        return -1.0, 1.0
    hits = n_both + n_first, n_both + n_second
    (low1, high1), (low2, high2) = (wilson(x, n) for x in hits)
    first, second = (x / n for x in hits)
    product = math.prod([hits[0], n - hits[0], hits[1], n - hits[1]])
    excess = float(n_both * n_neither - n_first * n_second)
    excess = max(excess - n / 2, 0.0) if excess > 0 else excess
    phi = excess / math.sqrt(product) if product else 0.0

    def reach(a: float, b: float) -> float:
        return math.sqrt(max(a**2 - 2 * phi * a * b + b**2, 0.0))

    difference = (n_first - n_second) / n
    return (
        difference - reach(first - low1, high2 - second),
        difference + reach(second - low2, high1 - first),
    )


def gini(shares: ArrayLike) -> float:
    r"""Gini coefficient of numbers that are not negative: 0 = all equal, (n − 1)/n = one has all.

    :math:`\sum_{ij} |x_i - x_j| \,/\, (2 n \sum_i x_i)`; NaN if all are 0.

    >>> gini([1, 1, 1, 1]), gini([0, 0, 0, 4])
    (0.0, 0.75)
    """
    ranked = np.sort(np.asarray(shares, dtype=np.float64))
    if ranked.size and ranked[0] < 0:
        raise FormatError(f"a share is {ranked[0]}: numbers of at least 0 are needed")
    total, n = ranked.sum(), ranked.size
    if not total:
        return math.nan
    unequal = float((2 * np.arange(1, n + 1) - n - 1) @ ranked / (n * total))
    return max(unequal, 0.0)  # rounding
