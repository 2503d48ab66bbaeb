"""What compiled code shares: numba's options, random numbers, sorting by small integers.

Imported by compiled code only. Random numbers are SplitMix64 (Steele, Lea and Flood 2014).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import numba
import numpy as np

__all__ = ["STEP", "compiled", "compiled_sums", "grouped", "inlined", "mixed", "next_bits"]

STEP = np.uint64(0x9E3779B97F4A7C15)

Function = TypeVar("Function", bound=Callable[..., Any])


class _Compiler(Protocol):
    def __call__(self, function: Function, /) -> Function: ...


_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}

compiled: _Compiler = numba.njit(**_OPTIONS)
inlined: _Compiler = numba.njit(**_OPTIONS, inline="always")
compiled_sums: _Compiler = numba.njit(**_OPTIONS, fastmath={"reassoc"})  # sums in any order


@inlined
def mixed(state: Any) -> Any:
    """64 random bits from a state; successive states are `STEP` apart."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


@inlined
def next_bits(state: Any) -> Any:
    """64 random bits from a generator; its state [1] is advanced."""
    state[0] += STEP
    return mixed(state[0])


@compiled
def grouped(key: Any, n: int) -> tuple[Any, Any]:
    """Where each key starts [n + 1] in the stable order that sorts the keys, and that order."""
    first = np.zeros(n + 1, np.int64)
    for k in key:
        first[k + 1] += 1
    for k in range(n):
        first[k + 1] += first[k]
    order, free = np.empty(key.size, np.int64), first[:-1].copy()
    for index in range(key.size):
        order[free[key[index]]] = index
        free[key[index]] += 1
    return first, order
