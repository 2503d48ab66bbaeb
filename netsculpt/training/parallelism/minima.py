"""The minimum over draws: resampled, and of fewer draws."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.numbers import checked_whole
from netsculpt.core.random import RNG

__all__ = ["bootstrapped_best", "expected_best"]


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
    [[3.0, 30.0], [9.0, 90.0], [3.0, 30.0], [3.0, 30.0]]
    """
    values = np.asarray(steps, dtype=np.float64)
    checked_whole(n_resamples, "n_resamples", least=1)
    n_draws = values.shape[-1]
    chosen = np.random.default_rng(rng).integers(n_draws, size=(n_resamples, n_draws))
    minima = [values[..., rows].min(-1) for rows in chosen]
    return np.stack(minima)


def expected_best(steps: ArrayLike, n_draws: int) -> NDArray[np.float64]:
    r"""Mean minimum of `n_draws` of the draws, over all subsets of that size.

    With R draws in increasing order, the k-th is the minimum of
    :math:`\binom{R - k}{n - 1}` of the :math:`\binom R n` subsets.

    Parameters
    ----------
    steps
        Steps to the goal [..., R], ∞ where it was not reached.
    n_draws
        n, 1 … R.

    Returns
    -------
    ndarray
        Means [...]; ∞ if some subset reaches no goal.

    Examples
    --------
    >>> float(expected_best([4.0, 1.0, 7.0], 2))  # of 1, 1 and 4
    2.0
    """
    values = np.sort(np.asarray(steps, dtype=np.float64), axis=-1)
    n_all = values.shape[-1]
    n = checked_whole(n_draws, "n_draws", least=1, most=n_all)
    share, shares = n / n_all, []  # of the subsets whose minimum is the k-th
    for k in range(1, n_all - n + 2):
        shares.append(share)
        share *= (n_all - k - n + 1) / (n_all - k) if k < n_all else 0.0
    means: NDArray[np.float64] = (values[..., : len(shares)] * shares).sum(-1)
    return means
