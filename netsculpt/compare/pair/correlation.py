"""Correlation of ranks, undefined where there is nothing to rank."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["rank_correlation"]


def rank_correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Spearman's ρ, −1 … 1; NaN below two values, or if all of one side are equal.

    >>> rank_correlation(np.array([1.0, 2.0, 9.0]), np.array([0.0, 1.0, 1.5]))
    1.0
    """
    from scipy.stats import spearmanr

    if x.size < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return math.nan
    return float(spearmanr(x, y).statistic)
