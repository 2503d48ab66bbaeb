"""What partitions tell of each other, from the units that their modules share.

Every number is NaN where no unit has a module in both.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.partition import NO_MODULE

__all__ = ["Overlap", "ami", "ari", "overlap", "vi"]

_REACH = 48.0  # of overlaps, 2 exp(−48) are farther from their mean than is summed
_CHUNK = 1 << 20  # terms at a time


class Overlap(NamedTuple):
    """The C pairs of modules that share units, in order; no module is without a unit."""

    rows: NDArray[np.intp]  # [C] module of the first partition
    columns: NDArray[np.intp]  # [C] module of the second
    shared: NDArray[np.int64]  # [C] units in both
    first: NDArray[np.int64]  # [k_a] units of each module
    second: NDArray[np.int64]  # [k_b]

    @property
    def equal(self) -> bool:
        """Whether the partitions are the same."""
        return self.first.size == self.second.size == self.shared.size


def overlap(first: NDArray[np.int32], second: NDArray[np.int32]) -> Overlap:
    """Count the units of each pair of modules, over the units that have one in both [U]."""
    both = (first != NO_MODULE) & (second != NO_MODULE)
    width = max(1, int(second.max(initial=NO_MODULE)) + 1)
    pairs, shared = np.unique(
        first[both].astype(np.int64) * width + second[both], return_counts=True
    )
    rows = np.unique(pairs // width, return_inverse=True)[1]
    columns = np.unique(pairs % width, return_inverse=True)[1]
    sizes = (np.bincount(side, shared).astype(np.int64) for side in (rows, columns))
    return Overlap(rows, columns, shared, *sizes)


def vi(found: Overlap) -> float:
    """Variation of information, H(a | b) + H(b | a), in nats."""
    if not found.shared.size:
        return np.nan
    both = found.shared.astype(np.float64)
    of_first, of_second = found.first[found.rows], found.second[found.columns]
    return float((both * np.log(of_first / both * (of_second / both))).sum() / both.sum())


def ari(found: Overlap) -> float:
    """Adjusted Rand index."""
    if not found.shared.size:
        return np.nan
    if found.equal:
        return 1.0
    n, together = int(found.shared.sum()), int((found.shared**2).sum())  # ordered pairs, in both
    in_first, in_second = int((found.first**2).sum()), int((found.second**2).sum())
    only_first, only_second, both = in_first - together, in_second - together, together - n
    neither = n * n - in_first - only_second
    agreeing = 2 * (both * neither - only_first * only_second)
    return agreeing / (
        (both + only_first) * (only_first + neither)
        + (both + only_second) * (only_second + neither)
    )


def ami(found: Overlap) -> float:
    """Mutual information less what is expected by chance, as a share of its most (the mean)."""
    if not found.shared.size:
        return np.nan
    if found.equal:
        return 1.0
    n = int(found.shared.sum())
    of_first, of_second = (
        side.astype(np.float64) for side in (found.first[found.rows], found.second[found.columns])
    )
    mutual = float((found.shared / n * np.log(found.shared / of_first * (n / of_second))).sum())
    most = (_entropy(found.first / n) + _entropy(found.second / n)) / 2
    expected = _expected(found.first, found.second, n)
    return (mutual - expected) / (most - expected)


def _entropy(share: NDArray[np.float64]) -> float:
    return -float((share * np.log(share)).sum())


def _expected(first: NDArray[np.int64], second: NDArray[np.int64], n: int) -> float:
    """Mean mutual information of all partitions of n units with these sizes.

    The overlap of two modules is hypergeometric, and the same for all modules of the same sizes.
    """
    total = 0.0
    others, times = np.unique(second, return_counts=True)
    for size, count in zip(*np.unique(first, return_counts=True), strict=True):
        # Bernstein's bound for the binomial distribution, which is wider.
        variance = size * others / n * (1 - np.maximum(size, others) / n)
        reach = int(_REACH / 3 + np.sqrt((_REACH / 3) ** 2 + 2 * _REACH * variance.max())) + 1
        step = max(1, _CHUNK // (2 * reach))
        for start in range(0, others.size, step):
            part = slice(start, start + step)
            total += float(count * (times[part] @ _terms(int(size), others[part], n, reach)))
    return total


def _terms(size: int, others: NDArray[np.int64], n: int, reach: int) -> NDArray[np.float64]:
    """Expected term of the mutual information of a module with each of some [k].

    Chances follow from each other, so that no large factorials cancel.
    """
    least = np.maximum(0, size + others - n)
    most = np.minimum(size, others)
    mean = size * others / n
    begin = np.maximum(least, mean.astype(np.int64) - reach)
    overlaps = begin[:, None] + np.arange(min(2 * reach + 2, int((most - begin).max()) + 1))
    inside = overlaps <= most[:, None]
    other, at, there = others[:, None], overlaps[:, 1:], inside[:, 1:]
    odds = np.divide(  # of an overlap to the one below it
        (size - at + 1.0) * (other - at + 1.0),
        at * (n - size - other + at),
        out=np.ones(at.shape),
        where=there,
    )
    chance = np.zeros(overlaps.shape)
    chance[:, 1:] = np.log(odds).cumsum(axis=1)
    chance = np.exp(chance - chance.max(axis=1, keepdims=True)) * inside
    told = np.log(np.maximum(overlaps, 1) / mean[:, None])
    terms = (chance * overlaps * told).sum(axis=1)
    means: NDArray[np.float64] = terms / (chance.sum(axis=1) * n)
    return means
