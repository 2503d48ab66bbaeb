"""Clusters of 0/1 rows: average linkage on cosine distance, with tests for extreme numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["row_clusters"]

_DECIMALS = 8  # losses equal to this many decimals are ties
_ROUNDING = 1e-12  # distances between equal rows may be about 1e-16 instead of 0


def row_clusters(rows: NDArray[np.bool_], mm_threshold: float) -> NDArray[np.intp]:
    """Cluster of each row, 0 … k−1 in order of appearance [n]; no row may be empty.

    One dendrogram contains every cut: the first n − k merges leave k clusters.
    """
    n = rows.shape[0]
    if n == 1:
        return np.zeros(1, dtype=np.intp)
    distances = _cosine_distances(rows)
    merges = linkage(squareform(distances, checks=False), "average")
    losses = _losses(distances, merges)
    n_clusters = n - 1 - int(np.argmin(losses)) if losses.size else 2
    if n_clusters in (2, n - 1) or losses.min() > -mm_threshold:
        n_clusters = _extreme(rows, merges) or n_clusters
    labels = np.empty(n, dtype=np.intp)
    for label, members in enumerate(_cut(merges, n_clusters)):
        labels[members] = label
    return labels


def _cosine_distances(rows: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Cosine distance of each pair of rows [n, n], rounded as SciPy's `pdist` does it.

    The last bit decides which of two near-equal distances is merged first.
    """
    ones = rows.astype(np.float32)  # counts below 2²⁴ are exact
    common = (ones @ ones.T).astype(np.float64)
    norms = np.sqrt(common.diagonal())
    distances: NDArray[np.float64] = 1 - np.minimum(common / np.outer(norms, norms), 1)
    np.fill_diagonal(distances, 0)
    return distances


def _losses(distances: NDArray[np.float64], merges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Modularity of the normalised distances for n−1, n−2, …, 2 clusters [n − 2].

    Joining a and b adds 2 (D_ab − r_a r_b) with r the row sums of D. D_ab follows from the height
    of the merge, which in average linkage is the mean distance between its two sides.
    """
    n = merges.shape[0] + 1
    if distances.max() < _ROUNDING:  # all rows are equal: all cuts are equally good
        return np.zeros(n - 2)
    total = distances.sum()
    share = np.concatenate([distances.sum(axis=0) / total, np.zeros(n - 1)])
    size = np.concatenate([np.ones(n), merges[:, 3]])
    left, right = merges[:, :2].astype(np.intp).T
    for node, (a, b) in enumerate(zip(left, right, strict=True), start=n):
        share[node] = share[a] + share[b]
    between = merges[:, 2] * size[left] * size[right] / total
    gain = 2 * (between - share[left] * share[right])
    losses: NDArray[np.float64] = np.cumsum(gain)[: n - 2] - (share[:n] ** 2).sum()
    return losses.round(_DECIMALS)


def _extreme(rows: NDArray[np.bool_], merges: NDArray[np.float64]) -> int | None:
    """Number of clusters: n if even the closest rows differ, 1 if the last two do not, or None."""
    closest = rows[merges[0, :2].astype(np.intp)]
    halves = np.array([rows[members].any(axis=0) for members in _cut(merges, 2)])
    common, larger, expected, apart = _overlap(closest)
    separate = (common < larger and common <= expected) or common < 1
    common, larger, expected, together = _overlap(halves)
    one = (common >= 1 and common >= expected) or common >= larger
    if separate and (not one or -apart > together):
        return int(rows.shape[0])
    return 1 if one else None


def _overlap(pair: NDArray[np.bool_]) -> tuple[int, int, float, float]:
    """Ones common to two rows [2, N], ones of the larger, expected overlap and the excess over it.

    The excess is in standard deviations, or absolute if the deviation is 0.
    """
    n_columns = pair.shape[1]
    common = int((pair[0] & pair[1]).sum())
    ones = pair.sum(axis=1).tolist()
    expected = ones[0] * ones[1] / n_columns
    chance = ones[0] * ones[1] / n_columns**2
    deviation = (n_columns * chance * (1 - chance)) ** 0.5
    return common, max(ones), expected, (common - expected) / (deviation or 1)


def _cut(merges: NDArray[np.float64], n_clusters: int) -> list[list[int]]:
    """Members of each cluster, ordered by the first member."""
    n = merges.shape[0] + 1
    members = {row: [row] for row in range(n)}
    for node, (a, b) in enumerate(merges[: n - n_clusters, :2].astype(np.intp).tolist(), start=n):
        members[node] = members.pop(a) + members.pop(b)
    return sorted(members.values(), key=min)
