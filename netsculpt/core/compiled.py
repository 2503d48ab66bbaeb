"""What compiled code shares: random numbers, sorting by small numbers.

Imported by compiled code only. Random numbers are SplitMix64 (Steele, Lea and Flood 2014).
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

__all__ = ["STEP", "following", "grouped", "mixed"]

STEP = np.uint64(0x9E3779B97F4A7C15)

_inlined = numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")


@_inlined
def mixed(state: Any) -> Any:  # pragma: no cover - compiled
    """The 64 random bits of a state; states are `STEP` apart."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


@_inlined
def following(state: Any) -> Any:  # pragma: no cover - compiled
    """The next 64 random bits of a generator whose state [1] goes on."""
    state[0] += STEP
    return mixed(state[0])


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
