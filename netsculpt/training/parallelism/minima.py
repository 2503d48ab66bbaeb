"""The minimum over draws: resampled, and of fewer draws."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import comb

from netsculpt.core.numbers import checked_whole
from netsculpt.core.random import RNG

__all__ = ["bootstrapped_best", "median_best"]

_ROUNDING = 1e-9


def bootstrapped_best(
    steps: ArrayLike, n_resamples: int, *, rng: RNG = None
) -> NDArray[np.float64]:
    """K* of resampled draws.

    Draws are resampled with replacement, together for everything in the leading dimensions:
    batch sizes and nets that share their draws are compared draw by draw. No resample has a
    smaller minimum than the sample, so intervals are one-sided: they say how much hangs on single
    draws, not how low more draws would come.

    Parameters
    ----------
    steps
        Steps to the goal [..., R], ∞ where it was not reached.
    n_resamples
        n.
    rng
        Seed or generator.

    Returns
    -------
    ndarray
        Minima [n, ...]. Cost: O(n · size of steps).

    Examples
    --------
    >>> bootstrapped_best([[3.0, 9.0], [30.0, 90.0]], 4, rng=1).tolist()
    [[3.0, 30.0], [9.0, 90.0], [3.0, 30.0], [9.0, 90.0]]
    """
    values = np.asarray(steps, dtype=np.float64)
    checked_whole(n_resamples, "n_resamples", least=1)
    n_draws = values.shape[-1]
    chosen = np.random.default_rng(rng).integers(n_draws, size=(n_resamples, n_draws))
    minima = [values[..., rows].min(-1) for rows in chosen]
    return np.stack(minima)


def median_best(steps: ArrayLike, n_draws: int) -> NDArray[np.float64]:
    r"""Median of the minimum of `n_draws` of the draws, over all subsets of that size.

    How far K* would still fall with more draws can be read from how it fell up to here. Among R
    draws in increasing order, the k-th is the minimum of :math:`\binom{R - k}{n - 1}` of the
    :math:`\binom R n` subsets.

    Parameters
    ----------
    steps
        Steps to the goal [..., R], ∞ where it was not reached.
    n_draws
        n, 1 … R.

    Returns
    -------
    ndarray
        Medians [...], each the steps of a draw.

    Examples
    --------
    >>> float(median_best([4.0, 1.0, 7.0], 2))  # of 1, 1 and 4
    1.0
    """
    values = np.sort(np.asarray(steps, dtype=np.float64), axis=-1)
    n_all = values.shape[-1]
    n = checked_whole(n_draws, "n_draws", least=1, most=n_all)
    ranks = np.arange(1, n_all - n + 2)
    shares = comb(n_all - ranks, n - 1) / comb(n_all, n)  # of subsets whose minimum is the k-th
    middle = int(np.searchsorted(shares.cumsum(), 0.5 - _ROUNDING))
    medians: NDArray[np.float64] = values[..., middle]
    return medians
