"""P-values of several tests at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.errors import GraphError

__all__ = ["holm"]


def holm(p: ArrayLike) -> NDArray[np.float64]:
    r"""P-values [m] adjusted for the number of tests, by Holm's rule.

    .. math:: p'_{(i)} = \max_{j \le i} \min\{(m - j + 1)\, p_{(j)},\, 1\}

    for p in rising order. If the tests with p' ≤ α are called significant, the chance that any of
    them is so wrongly is at most α, however the tests depend on each other: as those of several
    detectors on one network do, for which the rule of Benjamini and Hochberg need not hold.

    Parameters
    ----------
    p
        P-values [m], each in 0 … 1; may be empty.

    Returns
    -------
    ndarray
        p' [m] in the order given, 0 … 1, never below p.

    Raises
    ------
    GraphError
        If a value is not in 0 … 1, or they are not one row.

    Notes
    -----
    S. Holm, A simple sequentially rejective multiple test procedure, Scand. J. Stat. 6, 65 (1979),
    jstor:4615733.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
        raise GraphError(
            f"p is {values.tolist()}: a row of numbers from 0 to 1 is needed; leave out what was "
            "not tested"
        )
    order = np.argsort(values, kind="stable")
    factors = np.arange(values.size, 0, -1)
    adjusted = np.empty(values.size)
    adjusted[order] = np.maximum.accumulate(np.minimum(factors * values[order], 1.0))
    return adjusted
