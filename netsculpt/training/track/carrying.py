"""Modules that keep their numbers from one partition to the next."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.errors import GraphError
from netsculpt.graph.partition import NO_MODULE

__all__ = ["carried"]


def carried(partitions: Sequence[ArrayLike]) -> NDArray[np.int32]:
    """Labels of successive partitions of the same units, with a module's number carried on.

    Modules of a partition are matched one to one with those of the one before, so that the summed
    Jaccard index of their units is largest. A module takes the number of its partner, if they share
    a unit; any other gets the next number that was never used.

    Parameters
    ----------
    partitions
        Labels [U] of each; −1 for a unit without a module.

    Returns
    -------
    ndarray
        Labels [T, U].

    Notes
    -----
    Cost O(U) and the cube of the number of modules for each.

    Examples
    --------
    >>> carried([[0, 0, 1, 1], [0, 1, 2, 2], [2, 1, 0, 0]]).tolist()
    [[0, 0, 1, 1], [0, 2, 1, 1], [0, 2, 1, 1]]
    """
    rows = [np.asarray(x) for x in partitions]
    if any(row.shape != rows[0].shape or row.ndim != 1 for row in rows):
        raise GraphError(
            f"labels are {[list(row.shape) for row in rows]!r:.200}: one each for the same units "
            "is needed"
        )
    result = np.full((len(rows), rows[0].size if rows else 0), NO_MODULE, dtype=np.int32)
    n_used = 0
    for index, row in enumerate(rows):
        numbers = _numbers(result[index - 1], row) if index else {}
        for label in np.unique(row[row >= 0]).tolist():
            if label not in numbers:
                numbers[label] = n_used
                n_used += 1
            result[index, row == label] = numbers[label]
    return result


def _numbers(before: NDArray[np.int32], row: NDArray[np.integer]) -> dict[int, int]:
    """The number of each label that has a partner before."""
    from scipy.optimize import linear_sum_assignment

    old, new = (np.unique(x[x >= 0]) for x in (before, row))
    both = (before >= 0) & (row >= 0)
    shared = np.zeros((old.size, new.size))
    places = np.searchsorted(old, before[both]), np.searchsorted(new, row[both])
    np.add.at(shared, places, 1.0)
    sizes = [
        np.array([(x == label).sum() for label in known])
        for x, known in ((before, old), (row, new))
    ]
    union = sizes[0][:, None] + sizes[1][None, :] - shared
    jaccard = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    pairs = zip(*linear_sum_assignment(jaccard, maximize=True), strict=True)
    return {int(new[b]): int(old[a]) for a, b in pairs if jaccard[a, b] > 0}
