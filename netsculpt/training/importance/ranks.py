"""How well one ranking of weights agrees with another."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, rankdata

__all__ = ["NO_EFFECT", "Agreement", "agreement"]

NO_EFFECT = 1e-14  # of a change of the loss: up to it, all is rounding
_FEWEST = 3


@dataclass(frozen=True)
class Agreement:
    """Rank correlations of an estimate with changes of the loss; NaN if undefined."""

    spearman: float
    kendall: float  # τ_b
    n: int  # weights whose removal changes the loss


def agreement(
    estimate: NDArray[np.float64], change: NDArray[np.float64], *, absolute: bool
) -> Agreement:
    """Correlate an estimate [W] with changes of the loss [W], or the sizes of both.

    Weights whose removal changes nothing are left out: as ties they would make every estimate look
    better or worse by how many they are.

    >>> change = np.array([0.1, -0.3, 0.2, 0.0])
    >>> agreement(np.array([1.0, 3.0, 2.0, 9.0]), change, absolute=True)
    Agreement(spearman=1.0, kendall=1.0, n=3)
    >>> agreement(np.array([1.0, 3.0, 2.0, 9.0]), change, absolute=False).spearman
    -0.5
    """
    some = np.abs(change) > NO_EFFECT
    x, y = estimate[some], change[some]
    if absolute:
        x, y = np.abs(x), np.abs(y)
    if len(x) < _FEWEST or np.ptp(x) == 0 or np.ptp(y) == 0:
        return Agreement(math.nan, math.nan, len(x))
    spearman = np.corrcoef(rankdata(x), rankdata(y))[0, 1]
    return Agreement(
        round(float(spearman), 12), round(float(kendalltau(x, y).statistic), 12), len(x)
    )
