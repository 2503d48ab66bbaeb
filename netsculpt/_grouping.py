"""Sorting by small numbers, in compiled code. Imported by compiled code only."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

__all__ = ["grouped"]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def grouped(key: Any, n: int) -> tuple[Any, Any]:  # pragma: no cover - compiled
    """First of each key [n + 1] in the order that sorts keys, and that order; it is stable."""
    first = np.zeros(n + 1, np.int64)
    for x in key:
        first[x + 1] += 1
    for at in range(n):
        first[at + 1] += first[at]
    order, free = np.empty(key.size, np.int64), first[:-1].copy()
    for at in range(key.size):
        order[free[key[at]]] = at
        free[key[at]] += 1
    return first, order
