"""Keep exactly n of the highest scores: a threshold would keep too many where scores are equal."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import FormatError

__all__ = ["apportioned", "best"]


def best(scores: Mapping[str, NDArray[np.float64]], n_kept: int) -> dict[str, NDArray[np.bool_]]:
    """Mask of the `n_kept` highest scores of all parameters; among equals the first ones.

    >>> best({"a": np.array([1.0, 3.0]), "b": np.array([[1.0, 1.0]])}, 2)
    {'a': array([ True,  True]), 'b': array([[False, False]])}
    """
    flat = np.concatenate([np.zeros(0), *(x.ravel() for x in scores.values())])
    if np.isnan(flat).any():
        broken = [name for name, x in scores.items() if np.isnan(x).any()]
        raise FormatError(
            f"scores of {', '.join(broken)} are NaN, numbers are needed: look for infinite weights "
            "or losses"
        )
    keep = np.zeros(flat.size, dtype=bool)
    if n_kept:
        least = np.partition(flat, flat.size - n_kept)[flat.size - n_kept]
        keep[flat > least] = True
        keep[np.flatnonzero(flat == least)[: n_kept - int(keep.sum())]] = True
    parts = np.split(keep, np.cumsum([x.size for x in scores.values()])[:-1])
    return {
        name: part.reshape(scores[name].shape) for name, part in zip(scores, parts, strict=True)
    }


def apportioned(
    densities: Mapping[str, float], sizes: Mapping[str, int], n_kept: int, left: Mapping[str, int]
) -> dict[str, int]:
    """Whole numbers that add up to `n_kept`, as close to the densities as possible.

    None exceeds the number `left`; the excess of one parameter is shared among the others.

    >>> apportioned({"a": 0.5, "b": 0.25}, {"a": 3, "b": 6}, 3, {"a": 3, "b": 6})
    {'a': 2, 'b': 1}
    """
    wanted = _within({name: densities[name] * n for name, n in sizes.items()}, n_kept, left)
    counts = {name: min(int(x), left[name]) for name, x in wanted.items()}
    by_rest = sorted(wanted, key=lambda name: counts[name] - wanted[name])
    step = 1 if sum(counts.values()) < n_kept else -1
    order = by_rest if step > 0 else by_rest[::-1]
    while sum(counts.values()) != n_kept:
        free = [x for x in order if 0 <= counts[x] + step <= left[x]]
        for name in free[: abs(n_kept - sum(counts.values()))]:
            counts[name] += step
    return counts


def _within(
    wanted: Mapping[str, float], n_kept: int, left: Mapping[str, int]
) -> Mapping[str, float]:
    """Wanted numbers capped at what is left; the others grow by a common factor instead."""
    full: set[str] = set()
    while over := {x for x in wanted if x not in full and wanted[x] > left[x]}:
        full |= over
        others = sum(x for name, x in wanted.items() if name not in full)
        rest = max(n_kept - sum(left[name] for name in full), 0)
        grown = rest / others if others else 0.0
        wanted = {x: left[x] if x in full else grown * n for x, n in wanted.items()}
    return wanted
