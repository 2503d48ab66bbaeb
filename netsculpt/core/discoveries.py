"""P-values of several tests at once, by the share of wrong discoveries."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.errors import GraphError

__all__ = ["benjamini_hochberg"]


def benjamini_hochberg(p: ArrayLike) -> NDArray[np.float64]:
    r"""P-values of any shape, adjusted for the number of tests m by Benjamini and Hochberg's rule.

    .. math:: q_{(i)} = \min_{j \ge i} \min\{m\, p_{(j)} / j,\, 1\}

    for p in rising order. Of the tests with q ≤ α, at most a share α is called significant wrongly,
    on average over repetitions, if the tests are independent or depend on each other positively.

    Parameters
    ----------
    p
        P-values, each in 0 … 1; NaN was not tested, and does not count.

    Returns
    -------
    ndarray
        q of the same shape, 0 … 1, never below p; NaN where p is.

    Raises
    ------
    GraphError
        If a value is not in 0 … 1.

    Notes
    -----
    Y. Benjamini, Y. Hochberg, Controlling the false discovery rate, J. R. Stat. Soc. B 57, 289
    (1995), doi:10.1111/j.2517-6161.1995.tb02031.x.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03, 0.5]).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]
    """
    values = np.asarray(p, dtype=np.float64)
    tested = ~np.isnan(values)
    given = values[tested]
    if ((given < 0) | (given > 1)).any():
        raise GraphError(
            f"p runs from {given.min()} to {given.max()}: numbers from 0 to 1 are needed, or NaN "
            "for what was not tested"
        )
    order = np.argsort(given, kind="stable")
    scaled = given[order] * given.size / np.arange(1, given.size + 1)
    adjusted = np.empty(given.size)
    adjusted[order] = np.minimum.accumulate(np.minimum(scaled, 1.0)[::-1])[::-1]
    result = np.full(values.shape, np.nan)
    result[tested] = adjusted
    return result
