"""What each of several parts contributes to the effect of any set of them.

An effect is an array [2ᴹ, …]: entry s is the effect of the set of parts whose bits are 1 in s, part
0 being the lowest bit. Entry 0 is that of no part.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.errors import GraphError

__all__ = ["coalitions", "moebius", "shapley"]


def coalitions(n_parts: int) -> NDArray[np.bool_]:
    """Every set of parts [2ᴹ, M], in the order of the effects.

    >>> coalitions(2).astype(int).tolist()
    [[0, 0], [1, 0], [0, 1], [1, 1]]
    """
    bits = np.arange(1 << n_parts)[:, None] >> np.arange(n_parts)
    in_set: NDArray[np.bool_] = bits & 1 > 0
    return in_set


def moebius(effects: ArrayLike) -> NDArray[np.float64]:
    r"""What each set has beyond all sets inside it [2ᴹ, …].

    .. math:: m(S) = \sum_{T \subseteq S} (-1)^{|S| - |T|}\, v(T)

    so that :math:`v(S) = \sum_{T \subseteq S} m(T)`. For two parts it is the joint effect less the
    sum of the single ones: above 0 for lesions of two parts that can stand in for each other, below
    0 where either alone does the damage.

    Notes
    -----
    O(M 2ᴹ). J. C. Harsanyi, Int. Econ. Rev. 4, 194 (1963), doi:10.2307/2525487 (dividends).

    Examples
    --------
    >>> moebius([0, 0, 0, 1]).tolist(), moebius([0, 1, 1, 1]).tolist()
    ([0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, -1.0])
    """
    values, n_parts = _effects(effects)
    for part in range(n_parts):
        pairs = values.reshape(-1, 2, 1 << part, *values.shape[1:])  # without the part, with it
        pairs[:, 1] -= pairs[:, 0]
    return values


def shapley(effects: ArrayLike) -> NDArray[np.float64]:
    r"""The Shapley value of each part [M, …].

    .. math:: \phi_i = \sum_{S \ni i} \frac{m(S)}{|S|}

    with `moebius`' m: a part's effect when it joins the others in a random order. The values add up
    to the effect of all parts, less that of none.

    Notes
    -----
    Exact, O(M 2ᴹ). L. S. Shapley, A value for n-person games, 1953, doi:10.1515/9781400881970-018.

    Examples
    --------
    >>> shapley([0, 0, 0, 1]).tolist(), shapley([0, 1, 0, 1]).tolist()
    ([0.5, 0.5], [1.0, 0.0])
    """
    dividends = moebius(effects)
    members = coalitions(len(dividends).bit_length() - 1)
    shares = members / np.maximum(members.sum(axis=1, keepdims=True), 1)  # [2ᴹ, M]
    values: NDArray[np.float64] = np.tensordot(shares.T, dividends, axes=1)
    return values


def _effects(effects: ArrayLike) -> tuple[NDArray[np.float64], int]:
    """A copy of the effects, and the number of parts."""
    values = np.array(effects, dtype=np.float64, order="C")
    n_parts = len(values).bit_length() - 1 if values.ndim else -1
    if n_parts < 0 or len(values) != 1 << n_parts:
        raise GraphError(
            f"effects have shape {list(values.shape)}: one entry for each set of parts is needed, "
            "so 2ᴹ of M parts"
        )
    return values, n_parts
