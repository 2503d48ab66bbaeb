"""A part of all treatments from which every pair of factors can be told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr

from netsculpt.core.random import stream
from twente_runs.cells import Treatment

__all__ = ["fraction", "model_matrix"]


def fraction(factors: Mapping[str, Sequence[str]], n: int) -> list[Treatment]:
    """`n` treatments from which all main effects and interactions of two factors are estimable.

    As in a design of resolution V, no such effect is mixed up with another one. Some treatments are
    those that a pivoted QR decomposition of the model matrix of all treatments
    chooses; the others are added one by one where the model knows least (the largest leverage),
    which maximises the determinant of the information at each step. Without draws, but for their
    order: the first ones, which a budget leaves, are then a fair sample of all.
    """
    everything = [Treatment(*levels) for levels in product(*factors.values())]
    matrix = model_matrix(everything, factors)
    rank = int(np.linalg.matrix_rank(matrix))
    if not rank <= n <= len(everything):
        raise ValueError(
            f"{n} treatments asked for: from {rank}, which tell all pairs of factors apart, to "
            f"{len(everything)}, which are all"
        )
    _, _, order = qr(matrix.T, mode="economic", pivoting=True)
    chosen = [int(x) for x in order[:rank]]
    spread = np.linalg.inv(matrix[chosen].T @ matrix[chosen])
    while len(chosen) < n:
        leverage = np.einsum("np,pq,nq->n", matrix, spread, matrix, optimize=True)
        leverage[chosen] = -1
        best = int(leverage.argmax())
        chosen.append(best)
        side = spread @ matrix[best]
        spread -= np.outer(side, side) / (1 + matrix[best] @ side)
    return [everything[index] for index in stream(0, "order").permutation(chosen)]


def model_matrix(
    treatments: Sequence[Treatment], factors: Mapping[str, Sequence[str]]
) -> NDArray[np.float64]:
    """Intercept, main effects and interactions of two factors, as columns [n, p]."""
    mains = [
        _contrasts([getattr(x, name) for x in treatments], levels)
        for name, levels in factors.items()
    ]
    pairs = [
        (one[:, :, None] * other[:, None]).reshape(len(treatments), -1)
        for one, other in combinations(mains, 2)
    ]
    return np.hstack([np.ones((len(treatments), 1)), *mains, *pairs])


def _contrasts(values: Sequence[str], levels: Sequence[str]) -> NDArray[np.float64]:
    """Deviations from the mean of all levels [n, levels − 1]."""
    coded = np.vstack([np.eye(len(levels) - 1), -np.ones(len(levels) - 1)])
    rows: NDArray[np.float64] = coded[[list(levels).index(x) for x in values]]
    return rows
