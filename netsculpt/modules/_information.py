"""Information that two partitions share, from the units common to their modules.

Every measure is NaN if no unit has a module in both.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.partition import NO_MODULE

__all__ = ["Overlap", "ami", "ari", "overlap", "vi"]

_REACH = 48.0  # overlaps farther from their mean than the sum reaches have chance 2 exp(−48)
_CHUNK = 1 << 20  # terms at a time


class Overlap(NamedTuple):
    """The C pairs of modules that share units, in order; no module is empty."""

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
    """Count the units common to each pair of modules, over units with a module in both [U]."""
    both = (first != NO_MODULE) & (second != NO_MODULE)
    width = max(1, int(second.max(initial=NO_MODULE)) + 1)
    pairs, shared = np.unique(
        first[both].astype(np.int64) * width + second[both], return_counts=True
    )
    rows = np.unique(pairs // width, return_inverse=True)[1]
    columns = np.unique(pairs % width, return_inverse=True)[1]
    sizes = (np.bincount(side, shared).astype(np.int64) for side in (rows, columns))
    return Overlap(rows, columns, shared, *sizes)


def vi(pairs: Overlap) -> float:
    """Variation of information, H(a | b) + H(b | a), in nats."""
    if not pairs.shared.size:
        return np.nan
    both = pairs.shared.astype(np.float64)
    of_first, of_second = pairs.first[pairs.rows], pairs.second[pairs.columns]
    return float((both * np.log(of_first / both * (of_second / both))).sum() / both.sum())


def ari(pairs: Overlap) -> float:
    """Adjusted Rand index."""
    if not pairs.shared.size:
        return np.nan
    if pairs.equal:
        return 1.0
    n, together = int(pairs.shared.sum()), int((pairs.shared**2).sum())  # ordered pairs, in both
    in_first, in_second = int((pairs.first**2).sum()), int((pairs.second**2).sum())
    only_first, only_second, both = in_first - together, in_second - together, together - n
    neither = n * n - in_first - only_second
    agreeing = 2 * (both * neither - only_first * only_second)
    return agreeing / (
        (both + only_first) * (only_first + neither)
        + (both + only_second) * (only_second + neither)
    )


def ami(pairs: Overlap) -> float:
    """Mutual information beyond chance, as a share of its maximum (the mean entropy)."""
    if not pairs.shared.size:
        return np.nan
    if pairs.equal:
        return 1.0
    n = int(pairs.shared.sum())
    of_first, of_second = (
        side.astype(np.float64) for side in (pairs.first[pairs.rows], pairs.second[pairs.columns])
    )
    mutual = float((pairs.shared / n * np.log(pairs.shared / of_first * (n / of_second))).sum())
    most = (_entropy(pairs.first / n) + _entropy(pairs.second / n)) / 2
    expected = _expected(pairs.first, pairs.second, n)
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
    """Expected term of the mutual information of a module with each of k others [k].

    Each chance follows from the one before, so that no large factorials cancel.
    """
    least = np.maximum(0, size + others - n)
    most = np.minimum(size, others)
    mean = size * others / n
    begin = np.maximum(least, mean.astype(np.int64) - reach)
    overlaps = begin[:, None] + np.arange(min(2 * reach + 2, int((most - begin).max()) + 1))
    inside = overlaps <= most[:, None]
    other, shared = others[:, None], overlaps[:, 1:]
    odds = np.divide(  # of an overlap to the one below it
        (size - shared + 1.0) * (other - shared + 1.0),
        shared * (n - size - other + shared),
        out=np.ones(shared.shape),
        where=inside[:, 1:],
    )
    chance = np.zeros(overlaps.shape)
    chance[:, 1:] = np.log(odds).cumsum(axis=1)
    chance = np.exp(chance - chance.max(axis=1, keepdims=True)) * inside
    information = np.log(np.maximum(overlaps, 1) / mean[:, None])
    terms = (chance * overlaps * information).sum(axis=1)
    means: NDArray[np.float64] = terms / (chance.sum(axis=1) * n)
    return means
