"""k-means: the best of several runs of Lloyd's algorithm from k-means++ seeds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["k_means"]

_ROUNDS = 301  # at most; most runs end after some ten


def k_means(
    rows: NDArray[np.float64], k: int, *, restarts: int, rng: np.random.Generator
) -> NDArray[np.int32]:
    """Cluster [N] in 0 … k − 1 of each row [N, D], with the least sum of squared distances.

    Source: Lloyd 1982, doi:10.1109/TIT.1982.1056489; seeds: Arthur & Vassilvitskii 2007.
    O(N k D) per round.
    """
    runs = [_run(rows, centres) for centres in _seeds(rows, k, restarts, rng)]
    return min(runs, key=lambda run: run[0])[1]


def _run(
    rows: NDArray[np.float64], centres: NDArray[np.float64]
) -> tuple[float, NDArray[np.int32]]:
    """Sum of squared distances and clusters of one run from these centres [k, D]."""
    from scipy.cluster.vq import vq

    k, n_columns = centres.shape
    columns, weights = np.arange(n_columns), rows.ravel()
    for turn in range(_ROUNDS):
        labels, distances = vq(rows, centres)
        sizes = np.bincount(labels, minlength=k)
        cells = (labels[:, None] * n_columns + columns).ravel()
        sums = np.bincount(cells, weights, k * n_columns).reshape(k, n_columns)
        moved = sums / np.maximum(sizes, 1)[:, None]
        empty = np.flatnonzero(sizes == 0)
        if turn == 0:  # of equal seeds: they stay for once
            moved[empty] = centres[empty]
        else:
            if empty.size:
                moved[empty] = rows[np.argsort(-distances, kind="stable")[: empty.size]]
            if np.array_equal(moved, centres):
                break
        centres = moved
    return float(distances @ distances), labels.astype(np.int32)


def _seeds(
    rows: NDArray[np.float64], k: int, n_runs: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Rows [runs, k, D] far from each other, each drawn by the squared distance from those before.

    What `scipy.cluster.vq.kmeans2` draws for one run after the other, for all of them at once.
    """
    from scipy.spatial.distance import cdist

    drawn = [(rng.integers(rows.shape[0]), rng.uniform(size=k - 1)) for _ in range(n_runs)]
    chosen = np.empty((n_runs, k), dtype=np.int64)
    chosen[:, 0] = [first for first, _ in drawn]
    nearest = np.full((n_runs, rows.shape[0]), np.inf)
    for index in range(1, k):
        last = rows[chosen[:, index - 1]]
        np.minimum(nearest, cdist(last, rows, metric="sqeuclidean"), out=nearest)
        with np.errstate(invalid="ignore"):  # where all rows are seeds, the first is taken again
            reached = np.cumsum(nearest / nearest.sum(axis=1, keepdims=True), axis=1)
        draws = np.array([numbers[index - 1] for _, numbers in drawn])
        chosen[:, index] = np.minimum((reached < draws[:, None]).sum(axis=1), rows.shape[0] - 1)
    return rows[chosen]
