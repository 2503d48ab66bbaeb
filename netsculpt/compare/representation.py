"""How similar two representations of the same samples are."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.errors import FormatError

__all__ = ["debiased_cka", "unit_hsic"]

_LEAST = 4  # samples, for the estimator to be defined


def debiased_cka(first: ArrayLike, second: ArrayLike) -> float:
    r"""Debiased linear CKA of activations [n, d1] and [n, d2]: 1 = equal up to rotation and scale.

    HSIC(X, Y) / √(HSIC(X, X) HSIC(Y, Y)), with the unbiased estimator

    .. math:: HSIC = \frac{1}{n (n-3)} \Big[ tr(\tilde K \tilde L) + \frac{1^T \tilde K 1 \cdot
        1^T \tilde L 1}{(n-1)(n-2)} - \frac{2}{n-2} 1^T \tilde K \tilde L 1 \Big]

    of the products :math:`K = X X^T`, without their diagonals. So independent representations are
    at 0 (or a little below), however many units they have; the usual CKA is not.

    Returns
    -------
    float
        NaN if one of them is constant, or there are fewer than four samples.

    Notes
    -----
    O(n d1 d2), or O(n² (d1 + d2)) if that is less. Kornblith et al., arXiv:1905.00414; the
    estimator: Song et al., JMLR 13, 1393 (2012), equation 5; debiased CKA: Nguyen et al.,
    arXiv:2010.15327, equation 3. It does not change when units are permuted or activations are
    rotated together; it does when single units are scaled.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(50, 3))
    >>> round(debiased_cka(x, 2 * x[:, ::-1] + 5), 12)
    1.0
    """
    x, y = (_centred(values) for values in (first, second))
    if len(x) != len(y):
        raise FormatError(
            f"activations are of {len(x)} and {len(y)} samples: the same samples are needed"
        )
    if len(x) < _LEAST:
        return math.nan
    own = _hsic(x, x), _hsic(y, y)
    if min(own) <= 0:
        return math.nan
    return _hsic(x, y) / math.sqrt(own[0] * own[1])


def unit_hsic(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Unbiased HSIC of each unit of one representation with each of another [d1, d2].

    The kernel of several units is the sum of theirs and HSIC is linear in each kernel, so that of
    two sets of units is the sum over their pairs. For one set each; NaN below four samples.

    Parameters
    ----------
    first, second
        Activations [n, d1] and [n, d2] on the same samples.

    Notes
    -----
    O(n d1 d2). The estimator is that of `debiased_cka`.

    Examples
    --------
    >>> x, y = np.random.default_rng(0).normal(size=(2, 50, 3))
    >>> total = [unit_hsic(a, b).sum() for a, b in ((x, y), (x, x), (y, y))]
    >>> bool(abs(total[0] / (total[1] * total[2]) ** 0.5 - debiased_cka(x, y)) < 1e-12)
    True
    """
    x, y = (_centred(values) for values in (first, second))
    n = len(x)
    if n != len(y):
        raise FormatError(f"activations are of {n} and {len(y)} samples: the same are needed")
    if n < _LEAST:
        return np.full((x.shape[1], y.shape[1]), np.nan)
    squares = x**2, y**2
    diagonal = squares[0].T @ squares[1]
    totals = np.outer(squares[0].sum(axis=0), squares[1].sum(axis=0)) / ((n - 1) * (n - 2))
    hsic: NDArray[np.float64] = (x.T @ y) ** 2 - diagonal + totals - 2 / (n - 2) * diagonal
    return hsic / (n * (n - 3))


def _centred(values: ArrayLike) -> NDArray[np.float64]:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim < 2 or not np.isfinite(x).all():
        raise FormatError(
            f"activations are {list(x.shape)} and may hold NaN or ∞: finite [n, units] are needed"
        )
    x = x.reshape(len(x), -1)
    centred: NDArray[np.float64] = x - x.mean(axis=0)  # HSIC is the same: products lose no digits
    return centred


def _hsic(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Unbiased HSIC of linear kernels; x and y [n, d] are centred."""
    n = len(x)
    own_x, own_y = (np.einsum("ij,ij->i", z, z) for z in (x, y))  # the diagonals
    rows_x, rows_y = -own_x, -own_y  # K̃ 1: the rows of K add up to 0
    if x.shape[1] * y.shape[1] > n**2:
        product = float(((x @ x.T) * (y @ y.T)).sum())
    else:
        product = float(((x.T @ y) ** 2).sum())
    product -= float(own_x @ own_y)
    sums = float(rows_x.sum() * rows_y.sum()) / ((n - 1) * (n - 2))
    return (product + sums - 2 / (n - 2) * float(rows_x @ rows_y)) / (n * (n - 3))
