"""Random walks in compiled code, some side by side, so that they wait for memory at the same time.

A walk's random numbers depend on the seed and on which walk it is, not on those beside it.

Kernels are drawn by darts: each is thrown at any kernel of a row or column, at any height up to the
highest of their sums. One that is under the sum of its kernel hits it; others are thrown again.
Where many miss in a row, the sums are added up instead: either way a kernel is as likely as its
share, and nothing has to be made of the weights but their sums.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from netsculpt.core.compiled import STEP, compiled, inlined, mixed

__all__ = ["mark", "walks"]

_BESIDE = 128
_DARTS = 12  # that may miss
_HALF, _LOWER = np.uint64(32), np.uint64(0xFFFFFFFF)


@compiled
def walks(
    seed: Any, tables: Any, begun: int, n: int, whole_kernels: bool, most: int
) -> tuple[Any, Any]:
    """Walks forward and as many backward, from the so-manieth on: what each passes through.

    Returns the scalars [2, n, most] and how many of those a walk has [2, n]: −1 if it is lost.
    """
    path, length = np.empty((2, n, most), np.int64), np.empty((2, n), np.int64)
    for odd in range(2):
        roads = tables.backward if odd else tables.forward
        for first in range(0, n, _BESIDE):
            own = slice(first, min(first + _BESIDE, n))
            walked, passed = path[odd, own], length[odd, own]
            _side_by_side(seed, tables, roads, odd, begun + first, whole_kernels, walked, passed)
    return path, length


@compiled
def mark(
    path: Any, length: Any, kept: Any, n_kept: int, most_idle: int, last: Any, state: Any
) -> None:
    """Mark what walks forward and backward, in turn, pass through in `kept`, until it is enough.

    `last` is what the last one to add anything has added. The state: how many are kept, are in
    `last`, walks there were, were lost, came since the last that has added anything.
    """
    count, n_last, n_walks, n_lost, idle = state
    added = np.empty_like(last)
    for walk in range(length.size):
        if count >= n_kept or idle >= most_idle:
            break
        pair, odd = walk // 2, walk % 2
        fresh = 0
        for at in range(length[odd, pair]):
            scalar = path[odd, pair, at]
            if scalar < kept.size:
                added[fresh] = scalar
                fresh += not kept[scalar]
                kept[scalar] = True
        n_walks += 1
        n_lost += length[odd, pair] < 0
        idle += 1
        if fresh:
            count += fresh
            last[:fresh] = added[:fresh]
            n_last, idle = fresh, 0
    state[:] = count, n_last, n_walks, n_lost, idle


@compiled
def _side_by_side(
    seed: Any,
    tables: Any,
    roads: Any,
    odd: int,
    begun: int,
    whole_kernels: bool,
    path: Any,
    length: Any,
) -> None:
    """Some walks to their ends, a step of each in turn."""
    strength, listed, n_scalars, sums, _, _ = tables
    starts, ends, of_unit, of_branch, spots, runs, bounds, first_unit, units = roads
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
        for at in range(n_before):  # each chooses a row or a column, or goes along a wire
            walk = going[at]
            first, stop = of_unit[unit[walk]], of_unit[unit[walk] + 1]
            if first == stop:
                if not ends[unit[walk]]:
                    length[walk] = -1
                continue
            # A number is drawn at every unit: a guess whether it has branches is often wrong.
            state[walk] += STEP
            first = _one_of(mixed(state[walk]), first, stop)
            first, stop = of_branch[first], of_branch[first + 1]
            if first + 1 < stop:
                state[walk] += STEP
                first = _one_of(mixed(state[walk]), first, stop)
            wired = spots[first] < 0
            unit[walk], run[walk], misses[walk] = ~spots[first], spots[first], 0
            going[n_going] = aiming[n_aiming] = walk
            n_going += wired
            n_aiming += not wired
        n_before, n_aiming, n_hits = n_aiming, 0, 0
        for at in range(n_before):  # each throws a dart
            walk = aiming[at]
            own = runs[run[walk]]
            state[walk] += STEP
            drawn, many = mixed(state[walk]), np.uint64(own[2])
            place[walk] = ((drawn >> _HALF) * many + ((drawn & _LOWER) * many >> _HALF)) >> _HALF
            height = _fraction(drawn * many) * bounds[run[walk]]
            total = np.float64(sums[own[0] + place[walk] * own[1]])
            share[walk] = height / total
            hits = height < total
            misses[walk] += 1
            hitting[n_hits] = aiming[n_aiming] = walk
            n_hits += hits
            n_aiming += not hits
        n_before, n_aiming = n_aiming, 0
        for at in range(n_before):  # who misses too often adds up
            walk = aiming[at]
            aiming[n_aiming] = hitting[n_hits] = walk
            if misses[walk] < _DARTS:
                n_aiming += 1
                continue
            state[walk] += STEP
            place[walk] = _added_up(sums, runs[run[walk]], mixed(state[walk]))
            state[walk] += STEP
            share[walk] = _fraction(mixed(state[walk]))
            n_hits += 1
        for at in range(n_hits):  # reads what is read below, to wait for all of it at once
            walk = hitting[at]
            own = runs[run[walk]]
            entry[walk] = own[3] + (own[0] + place[walk] * own[1]) * own[4]
            fetched += strength[entry[walk]] + strength[entry[walk] + own[4] - 1]
        for at in range(n_hits):  # each goes through the kernel
            walk = hitting[at]
            own = runs[run[walk]]
            first, stop = entry[walk], entry[walk] + own[4]
            if own[4] > 1 and not whole_kernels:
                height = share[walk] * sums[own[0] + place[walk] * own[1]]
                first += _tap(strength[first:stop], height, share[walk])
                stop = first + 1
            path[walk, length[walk]] = _scalar(listed, n_scalars, first)
            length[walk] += 1
            for other in range(first + 1, stop):
                path[walk, length[walk]] = _scalar(listed, n_scalars, other)
                length[walk] += 1
            target = own[5] + place[walk]
            first, stop = first_unit[target], first_unit[target + 1]
            if first == stop:  # a column that takes what is always the same
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
    """The one of a kernel that is hit at a height, or at the share of it; where all are 0, any."""
    total, found = _under(strength, height)
    if found == strength.size:  # the sum that the height is under is 0, or was rounded up
        found = _under(strength, share * total)[1]
    return found if found < strength.size else np.int64(share * strength.size)


@inlined
def _under(strength: Any, height: float) -> tuple[Any, Any]:
    """The sum of a kernel, and how many of it are under a height, one upon the other."""
    passed, found = 0.0, 0
    for own in strength:  # to the end, for a guess at it is often wrong
        passed += own
        found += passed <= height
    return passed, found


@inlined
def _scalar(listed: Any, n_scalars: int, entry: int) -> Any:
    """Which scalar an entry is."""
    return entry if entry < n_scalars else np.int64(listed[entry - n_scalars])


@compiled
def _added_up(sums: Any, run: Any, drawn: Any) -> Any:
    """A kernel of a run, as likely as its share; where all are 0, any."""
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
    """A number from 0 to below 1."""
    return np.float64(np.int64(drawn >> np.uint64(11))) * 2.0**-53


@inlined
def _one_of(drawn: Any, first: int, stop: int) -> Any:
    """A number from first to stop − 1, by the upper half of a random one."""
    return first + np.int64(((drawn >> _HALF) * np.uint64(stop - first)) >> _HALF)
