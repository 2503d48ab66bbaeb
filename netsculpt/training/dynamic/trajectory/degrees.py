"""How evenly the kept weights are spread over units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["DegreeSpread", "degree_spreads"]


@dataclass(frozen=True, eq=False)
class DegreeSpread:
    """Kept weights of each unit at one end of a weight [out, in, …]."""

    weight: str  # its name
    end: str  # "fan-in" of the units [out], or "fan-out" of those [in]
    degrees: NDArray[np.int64]  # [units]
    dispersion: float  # variance ÷ that of random masks: 1 = random, 0 = all equal, above: hubs

    @property
    def unconnected(self) -> float:
        """Share of the units without a kept weight here."""
        return float((self.degrees == 0).mean())


def degree_spreads(masks: Mapping[str, NDArray[np.bool_]]) -> list[DegreeSpread]:
    r"""Degrees of the units at both ends of every weight, compared with random masks.

    .. math:: \frac{\frac{1}{U} \sum_u (k_u - n/U)^2}
              {\frac{n}{U} \left(1 - \frac{n}{N}\right) \frac{N - N/U}{N - 1}}

    for U units with degrees k, n kept of N weights. The lower line is the variance of the
    hypergeometric distribution: the expectation of the upper one where all masks with n kept
    weights are as likely. NaN where no mask could differ from another. In transposed convolutions
    and shared weights of several groups, the ends are the first and the second axis all the same.

    >>> masks = {"fc1": np.array([[1, 1, 1, 0], [0, 0, 0, 0], [1, 0, 0, 0]], dtype=bool)}
    >>> for x in degree_spreads(masks):
    ...     print(x.end, x.degrees.tolist(), round(x.dispersion, 3), round(x.unconnected, 3))
    fan-in [3, 0, 1] 2.406 0.333
    fan-out [2, 1, 1, 0] 0.917 0.25
    """
    spreads = []
    for name, mask in masks.items():
        for axis, end in enumerate(("fan-in", "fan-out")):
            others = tuple(x for x in range(mask.ndim) if x != axis)
            degrees = mask.sum(axis=others, dtype=np.int64)
            spreads.append(DegreeSpread(name, end, degrees, _dispersion(degrees, mask.size)))
    return spreads


def _dispersion(degrees: NDArray[np.int64], size: int) -> float:
    n, units = int(degrees.sum()), degrees.size
    if size < 2 or units < 2 or not 0 < n < size:
        return float("nan")
    random = n / units * (1 - n / size) * (size - size / units) / (size - 1)
    return float(degrees.var() / random)
