"""k-means: the best of several runs of Lloyd's algorithm from k-means++ seeds."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

__all__ = ["k_means"]

_ROUNDS = 300  # at most; most runs end after some ten


def k_means(
    rows: NDArray[np.float64], k: int, *, restarts: int, rng: np.random.Generator
) -> NDArray[np.int32]:
    """Cluster [N] in 0 … k − 1 of each row [N, D], with the least sum of squared distances.

    Source: Lloyd 1982, doi:10.1109/TIT.1982.1056489; seeds: Arthur & Vassilvitskii 2007.
    O(N k D) per round.
    """
    runs = [_run(rows, k, rng) for _ in range(restarts)]
    return min(runs, key=lambda run: run[0])[1]


def _run(
    rows: NDArray[np.float64], k: int, rng: np.random.Generator
) -> tuple[float, NDArray[np.int32]]:
    """Sum of squared distances and clusters of one run."""
    from scipy.cluster.vq import kmeans2, vq

    with warnings.catch_warnings():  # of an empty cluster, which is mended below
        warnings.simplefilter("ignore")
        centres, _ = kmeans2(rows, k, iter=1, minit="++", rng=rng)
    for _ in range(_ROUNDS):
        labels, distances = vq(rows, centres)
        sizes = np.bincount(labels, minlength=k)
        sums = np.column_stack([np.bincount(labels, column, minlength=k) for column in rows.T])
        moved = sums / np.maximum(sizes, 1)[:, None]
        empty = np.flatnonzero(sizes == 0)
        moved[empty] = rows[np.argsort(-distances, kind="stable")[: empty.size]]
        if np.array_equal(moved, centres):
            break
        centres = moved
    return float(distances @ distances), labels.astype(np.int32)
