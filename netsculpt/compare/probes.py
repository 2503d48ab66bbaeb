"""Linear probes of limited capacity: how well activations tell a function's values apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_number

__all__ = ["probe_accuracy"]

Floats = NDArray[np.float64]

_DIGITS = 9  # of predictions: those that differ by rounding are equal
_STEPS = 200  # of the search for the penalty, by halving


def probe_accuracy(activations: ArrayLike, labels: ArrayLike, *, rank: float = 8) -> Floats:
    r"""Balanced accuracy of a linear probe for each of several functions [F].

    Activations are standardised unit by unit, so that scales do not matter. A ridge regression

    .. math:: \hat y = X (X^T X + \lambda I)^{-1} X^T y

    has the penalty λ at which its effective rank :math:`\sum_i s_i^2 / (s_i^2 + \lambda)` is at
    most `rank`, with the singular values :math:`s_i` of X; the values are told apart by the best
    threshold of ŷ. Balanced accuracy is the mean of the shares of 0s and of 1s that are right.

    Parameters
    ----------
    activations
        Activations of some units [n, h].
    labels
        Values of functions, 0 or 1 [n, F].
    rank
        Most effective rank of the probe. A probe from as many units as there are samples fits any
        function: what is fitted by a small rank is there to be read.

    Returns
    -------
    ndarray
        ½ … 1 [F]; NaN for a function that is constant. In-sample: its chance level is above ½, and
        is that of random functions of the same bias.

    Raises
    ------
    FormatError
        If the numbers of samples differ, or labels are not 0 and 1.

    Notes
    -----
    O(n h² + n F log n). A cap by principal components would be arbitrary where variances are equal,
    as those of the bits of a truth table are. A threshold unit's own value is decoded with 1.

    Examples
    --------
    >>> bits = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> functions = np.stack([bits[:, 0], bits.all(1), bits[:, 0] ^ bits[:, 1]], axis=1)
    >>> probe_accuracy(bits, functions).tolist()
    [1.0, 1.0, 0.5]
    """
    rank = checked_number(rank, "rank", above=0)
    x = np.asarray(activations, dtype=np.float64)
    y = np.asarray(labels)
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or not np.isin(y, (0, 1)).all():
        raise FormatError(
            f"activations are {list(x.shape)}, labels {list(y.shape)} from {y.min(initial=0)} to "
            f"{y.max(initial=0)}: [n, h] and [n, F] of the same n are needed, labels being 0 or 1"
        )
    targets = y.astype(np.float64)
    left, singular = _standardised(x)
    shrunk = singular**2 / (singular**2 + _penalty(singular, rank))
    fitted = left @ (shrunk[:, None] * (left.T @ (targets - targets.mean(axis=0))))
    return _best_cuts(np.round(fitted, _DIGITS), targets)


def _standardised(x: Floats) -> tuple[Floats, Floats]:
    """Left singular vectors [n, r] and singular values [r] of the units with mean 0 and sd 1."""
    centred = x - x.mean(axis=0)
    sd = centred.std(axis=0)
    varies = sd > 1e-12 * np.abs(x).max(axis=0, initial=0.0)
    scaled = centred[:, varies] / sd[varies]
    left, singular, _ = np.linalg.svd(scaled, full_matrices=False)
    kept = singular > 1e-9 * singular.max(initial=0.0)
    return left[:, kept], singular[kept]


def _penalty(singular: Floats, rank: float) -> float:
    """The least λ with an effective rank of at most `rank`."""
    if singular.size <= rank:
        return 0.0
    low, high = 0.0, float((singular**2).sum()) / rank  # at `high` it is below `rank`
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if (singular**2 / (singular**2 + middle)).sum() > rank:
            low = middle
        else:
            high = middle
    return high


def _best_cuts(fitted: Floats, labels: Floats) -> Floats:
    """Highest balanced accuracy of a threshold [F], on either side of which 1 may be."""
    order = np.argsort(fitted, axis=0)
    ordered, ones = (np.take_along_axis(x, order, axis=0) for x in (fitted, labels))
    n_ones = labels.sum(axis=0)
    with np.errstate(invalid="ignore"):  # of constant functions, which are NaN
        apart = ones.cumsum(axis=0) / n_ones - (1 - ones).cumsum(axis=0) / (len(labels) - n_ones)
    between = ordered[1:] != ordered[:-1]  # a threshold does not divide equal values
    best: Floats = (1 + np.abs(apart[:-1] * between).max(axis=0, initial=0.0)) / 2
    return np.where((n_ones == 0) | (n_ones == len(labels)), np.nan, best)
