"""How well the links of a hierarchy agree with a function graph."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

__all__ = ["matched", "precision_recall"]


def matched(found: NDArray[np.integer], true: NDArray[np.integer]) -> dict[int, int]:
    """True module of each module found: one to one, with the largest total Jaccard overlap.

    What is left over has none, and nor has a module without a unit in common with its match.

    >>> matched(np.array([0, 0, 0, 1, 2, 2]), np.array([1, 1, 1, 1, 0, 0]))
    {0: 1, 2: 0}
    """
    n_found, n_true = int(found.max(initial=-1)) + 1, int(true.max(initial=-1)) + 1
    known = (found >= 0) & (true >= 0)
    common = np.zeros((n_found, n_true))
    np.add.at(common, (found[known], true[known]), 1)
    sizes = np.bincount(found[found >= 0], minlength=n_found)[:, None]
    true_sizes = np.bincount(true[true >= 0], minlength=n_true)
    jaccard = common / np.maximum(sizes + true_sizes - common, 1)
    rows, columns = linear_sum_assignment(-jaccard)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return {row: column for row, column in pairs if jaccard[row, column] > 0}


def precision_recall(
    found: Collection[tuple[int, int]],
    true: Collection[tuple[int, int]],
    match: dict[int, int],
) -> tuple[float, float, float]:
    """Precision, recall and F1 of links between modules found; each is 1 if both have none.

    A link from or to a module that matches none is wrong.

    >>> precision_recall([(0, 2), (1, 2)], [(5, 7)], {0: 5, 2: 7})
    (0.5, 1.0, 0.6666666666666666)
    """
    right = {(match.get(a, -1), match.get(b, -1)) for a, b in found} & set(true)
    precision = len(right) / len(found) if found else float(not true)
    recall = len(right) / len(true) if true else float(not found)
    both = precision + recall
    return precision, recall, 2 * precision * recall / both if both else 0.0
