"""Random walks in compiled code, many at a time, so that they wait for memory together.

The random numbers of a walk depend on the seed and on its number, not on the walks next to it.

Kernels are drawn by darts (rejection sampling): each is thrown at any kernel of a row or column, at
any height up to the highest of their sums. Below the sum of its kernel it is a hit; otherwise it is
thrown again. After many misses in a row the sums are added up instead. Either way a kernel is as
likely as its share, and only sums have to be computed from the weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from netsculpt.core.compiled import STEP, compiled, inlined, mixed, put

__all__ = ["mark", "walk_pairs"]

_TOGETHER = 128
_DARTS = 12  # that may miss
_HALF, _LOWER = np.uint64(32), np.uint64(0xFFFFFFFF)


@compiled
def walk_pairs(
    seed: Any, tables: Any, begun: int, n: int, whole_kernels: bool, longest: int
) -> tuple[Any, Any]:
    """`n` walks forward and as many backward, numbered from `begun` on.

    Returns the scalars that they pass through [2, n, longest] and how many [2, n]: −1 if lost.
    """
    path, length = np.empty((2, n, longest), np.int64), np.empty((2, n), np.int64)
    for odd in range(2):
        moves = tables.backward if odd else tables.forward
        for first in range(0, n, _TOGETHER):
            together = slice(first, min(first + _TOGETHER, n))
            walked, passed = path[odd, together], length[odd, together]
            _walk_together(seed, tables, moves, odd, begun + first, whole_kernels, walked, passed)
    return path, length


@compiled
def mark(
    path: Any, length: Any, kept: Any, n_kept: int, most_idle: int, last: Any, state: Any
) -> None:
    """Set in `kept` what walks forward and backward, in turn, pass through, until `n_kept` are set.

    `last` receives what the last walk that kept anything new added. The state: number of scalars
    kept, scalars in `last`, walks, lost walks, walks since the last that kept anything new.
    """
    count, n_last, n_walks, n_lost, idle = state
    added = np.empty_like(last)
    for walk in range(length.size):
        if count >= n_kept or idle >= most_idle:
            break
        pair, odd = walk // 2, walk % 2
        fresh = 0
        for step in range(length[odd, pair]):
            scalar = path[odd, pair, step]
            if scalar < kept.size:
                added[fresh] = scalar
                fresh += not kept[scalar]
                kept[scalar] = True
        n_walks += 1
        n_lost += length[odd, pair] < 0
        idle += 1
        if fresh:
            count += fresh
            put(added[:fresh], last)
            n_last, idle = fresh, 0
    state[:] = count, n_last, n_walks, n_lost, idle


@compiled
def _walk_together(
    seed: Any,
    tables: Any,
    moves: Any,
    odd: int,
    begun: int,
    whole_kernels: bool,
    path: Any,
    length: Any,
) -> None:
    """Make some walks, a step of each in turn, until all have ended."""
    strength, listed, n_scalars, sums, _, _ = tables
    starts, ends, of_unit, of_branch, choices, runs, bounds, first_unit, units = moves
    n = length.size
    state, share, entry = np.empty(n, np.uint64), np.empty(n), np.empty(n, np.int64)
    unit, run, place, misses = np.empty((4, n), np.uint32)
    going, aiming, hitting = np.empty((3, n), np.uint32)
    for walk in range(n):
        going[walk] = walk
        unit[walk] = starts[(begun + walk) % starts.size]
        state[walk] = mixed(seed + mixed(np.uint64(2 * (begun + walk) + odd)))
        length[walk] = 0
    n_going, n_aiming, fetched = n, 0, 0.0
    while n_going + n_aiming and fetched >= 0:
        n_before, n_going = n_going, 0
        for index in range(n_before):  # choose a row or a column, or follow a wire
            walk = going[index]
            first, stop = of_unit[unit[walk]], of_unit[unit[walk] + 1]
            if first == stop:
                if not ends[unit[walk]]:
                    length[walk] = -1
                continue
            # Drawn at every unit: a guess whether it has several branches would often be wrong.
            state[walk] += STEP
            first = _one_of(mixed(state[walk]), first, stop)
            first, stop = of_branch[first], of_branch[first + 1]
            if first + 1 < stop:
                state[walk] += STEP
                first = _one_of(mixed(state[walk]), first, stop)
            wired = choices[first] < 0
            unit[walk], run[walk], misses[walk] = ~choices[first], choices[first], 0
            going[n_going] = aiming[n_aiming] = walk
            n_going += wired
            n_aiming += not wired
        n_before, n_aiming, n_hits = n_aiming, 0, 0
        for index in range(n_before):  # throw a dart
            walk = aiming[index]
            chosen = runs[run[walk]]
            state[walk] += STEP
            drawn, many = mixed(state[walk]), np.uint64(chosen[2])
            place[walk] = ((drawn >> _HALF) * many + ((drawn & _LOWER) * many >> _HALF)) >> _HALF
            height = _fraction(drawn * many) * bounds[run[walk]]
            total = np.float64(sums[chosen[0] + place[walk] * chosen[1]])
            share[walk] = height / total
            hits = height < total
            misses[walk] += 1
            hitting[n_hits] = aiming[n_aiming] = walk
            n_hits += hits
            n_aiming += not hits
        n_before, n_aiming = n_aiming, 0
        for index in range(n_before):  # after too many misses, add up
            walk = aiming[index]
            aiming[n_aiming] = hitting[n_hits] = walk
            if misses[walk] < _DARTS:
                n_aiming += 1
                continue
            state[walk] += STEP
            place[walk] = _added_up(sums, runs[run[walk]], mixed(state[walk]))
            state[walk] += STEP
            share[walk] = _fraction(mixed(state[walk]))
            n_hits += 1
        for index in range(n_hits):  # read what is read below, to wait for all of it at once
            walk = hitting[index]
            chosen = runs[run[walk]]
            entry[walk] = chosen[3] + (chosen[0] + place[walk] * chosen[1]) * chosen[4]
            fetched += strength[entry[walk]] + strength[entry[walk] + chosen[4] - 1]
        for index in range(n_hits):  # go through the kernel
            walk = hitting[index]
            chosen = runs[run[walk]]
            first, stop = entry[walk], entry[walk] + chosen[4]
            if chosen[4] > 1 and not whole_kernels:
                height = share[walk] * sums[chosen[0] + place[walk] * chosen[1]]
                first += _tap(strength[first:stop], height, share[walk])
                stop = first + 1
            path[walk, length[walk]] = _scalar(listed, n_scalars, first)
            length[walk] += 1
            for other in range(first + 1, stop):
                path[walk, length[walk]] = _scalar(listed, n_scalars, other)
                length[walk] += 1
            target = chosen[5] + place[walk]
            first, stop = first_unit[target], first_unit[target + 1]
            if first == stop:  # a column that reads constants
                length[walk] = -1
                continue
            if first + 1 < stop:
                state[walk] += STEP
                first = _one_of(mixed(state[walk]), first, stop)
            unit[walk] = units[first]
            going[n_going] = walk
            n_going += 1


@inlined
def _tap(strength: Any, height: float, share: float) -> Any:
    """The tap that is hit at a height, or at that share of the kernel; any where all are 0."""
    total, tap = _under(strength, height)
    if tap == strength.size:  # the sum that the height is below is 0, or was rounded up
        tap = _under(strength, share * total)[1]
    return tap if tap < strength.size else np.int64(share * strength.size)


@inlined
def _under(strength: Any, height: float) -> tuple[Any, Any]:
    """The sum of a kernel, and how many of its taps, stacked, end below a height."""
    passed, n_under = 0.0, 0
    for tap in strength:  # all: a guess where to stop would often be wrong
        passed += tap
        n_under += passed <= height
    return passed, n_under


@inlined
def _scalar(listed: Any, n_scalars: int, entry: int) -> Any:
    """The scalar of an entry."""
    return entry if entry < n_scalars else np.int64(listed[entry - n_scalars])


@compiled
def _added_up(sums: Any, run: Any, drawn: Any) -> Any:
    """A kernel of a run with a probability of its share; any where all are 0."""
    base, stride, size = run[0], run[1], run[2]
    total = 0.0
    for place in range(size):
        total += sums[base + place * stride]
    wanted, passed = _fraction(drawn) * total, 0.0
    for place in range(size):
        passed += sums[base + place * stride]
        if passed > wanted:
            return place
    return _one_of(drawn, 0, size)


@inlined
def _fraction(drawn: Any) -> Any:
    """A number in [0, 1)."""
    return np.float64(np.int64(drawn >> np.uint64(11))) * 2.0**-53


@inlined
def _one_of(drawn: Any, first: int, stop: int) -> Any:
    """A number in first … stop − 1, from the upper half of a random one."""
    return first + np.int64(((drawn >> _HALF) * np.uint64(stop - first)) >> _HALF)
