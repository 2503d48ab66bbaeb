"""Is a number of a network larger than chance? Monte-Carlo tests against a null model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Significance", "significance"]


@dataclass(frozen=True, eq=False)
class Significance:
    """A statistic beside its distribution under a null model."""

    value: float
    mean: float
    sd: float  # population standard deviation of the null draws
    z: float  # (value − mean) / sd
    p: float  # (number of draws as extreme + 1) / (n + 1), never 0
    n: int
    draws: NDArray[np.float64]  # [n] the statistic on each null

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able."""
        raise NotImplementedError
