"""What compiled code shares: numba's options, random numbers, sorting by small integers.

Imported by compiled code only. Random numbers are SplitMix64 (Steele, Lea and Flood 2014).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, Protocol, TypeVar

import numba
import numpy as np

from netsculpt.core.errors import NetsculptWarning

__all__ = [
    "STEP",
    "CacheWarning",
    "compiled",
    "compiled_sums",
    "grouped",
    "inlined",
    "mixed",
    "next_bits",
    "put",
]

STEP = np.uint64(0x9E3779B97F4A7C15)

Function = TypeVar("Function", bound=Callable[..., Any])


class CacheWarning(NetsculptWarning):
    """Compiled code cannot be kept."""


class _Compiler(Protocol):
    def __call__(self, function: Function, /) -> Function: ...


def _compiler(**options: Any) -> _Compiler:
    """A decorator that compiles, and keeps the code on disk if there is a folder for it."""

    def decorator(function: Function) -> Function:
        made: Function
        try:
            made = numba.njit(**_OPTIONS, **options, cache=True)(function)
        except RuntimeError as error:
            if "cannot cache" not in str(error):
                raise
            _say_once()
            made = numba.njit(**_OPTIONS, **options)(function)
        return made

    return decorator


@cache
def _say_once() -> None:
    warnings.warn(
        "no folder to keep compiled code in: every start compiles again, some 30 seconds; set "
        "NUMBA_CACHE_DIR to a folder that can be written",
        CacheWarning,
        stacklevel=1,
    )


_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "no_cfunc_wrapper": True,  # for calls from C, of which there are none: it would be compiled too
}

compiled = _compiler()
inlined = _compiler(inline="always")
compiled_sums = _compiler(fastmath={"reassoc"})  # sums in any order


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
def put(values: Any, target: Any) -> None:
    """Write values to the start of an array.

    `target[:] = values` takes 4 s more to compile: numba composes the text of an error.
    """
    for index in range(values.size):
        target[index] = values[index]


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
