"""The best of many optima, most of them derived from others, in compiled code.

If a network is small or its modules are weak, runs end in different optima. The sets that two
optima share are good building blocks: as nodes, they lead to a better optimum more often than
another run does (Ovelgönne and Geyer-Schulz, "An ensemble learning strategy for graph clustering",
Contemp. Math. 588, 2013).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from netsculpt.core.compiled import compiled, grouped
from netsculpt.modules.detectors._layered.aggregating import aggregated
from netsculpt.modules.detectors._layered.dense import dense_aggregated, dense_value
from netsculpt.modules.detectors._layered.iterating import is_known, optimise
from netsculpt.modules.detectors._layered.moving import draw_below, renumber, value_of

__all__ = ["breed", "common", "loosen"]


@compiled
def breed(
    level: Any,
    dense: Any,
    gamma: float,
    limits: Any,
    effort: Any,
    pool: Any,
    values: Any,
    state: Any,
) -> int:
    """Improve a pool of optima [k, n] by deriving new ones from them; returns which is best.

    `values` [k] are theirs. Either `level` or `dense` is None.
    """
    if level is not None:
        indptr, near = level.indptr, level.indices
    if dense is not None:
        indptr, near = dense.indptr, dense.partners
    n_pool, n = pool.shape
    new, waits = np.empty(n, np.int32), np.empty(n, np.bool_)
    highest, failures = -np.inf, 0
    for index in range(n_pool):
        highest = max(highest, values[index])
    for _ in range(effort.n_more):
        if failures == effort.n_failures:
            break
        one = other = draw_below(n_pool, state)
        if n_pool > 1 and draw_below(2, state) == 0:
            other = (one + 1 + draw_below(n_pool - 1, state)) % n_pool
            parts, n_parts = common(pool[one], pool[other])
            own, every = np.empty(n_parts, np.int32), np.empty(n_parts, np.bool_)
            for part in range(n_parts):
                own[part], every[part] = part, True
            if level is not None:
                above = aggregated(level, parts, n_parts)
                optimise(above, dense, gamma, limits, own, every, pool[:0], state)
            if dense is not None:
                matrix = dense_aggregated(dense, parts, n_parts)
                optimise(level, matrix, gamma, limits, own, every, pool[:0], state)
            for node in range(n):
                new[node], waits[node] = own[parts[node]], True
            renumber(new)
        else:
            loosen(indptr, near, pool[one], new, waits, state)
        worse = one if values[one] < values[other] else other
        if one == other or not is_known(new, pool):
            optimise(level, dense, gamma, limits, new, waits, pool, state)
        if level is not None:
            value = value_of(level, gamma, new)
        if dense is not None:
            value = dense_value(dense, new)
        failures += 1
        if value > highest + limits.least:
            highest, failures = value, 0
        # Optima of equal value are assumed to be the same, so that the pool stays diverse.
        differs = True
        for index in range(n_pool):
            differs &= abs(value - values[index]) > limits.least
        if differs and value > values[worse]:
            values[worse] = value
            for node in range(n):
                pool[worse, node] = new[node]
    best = 0
    while values[best] <= highest - limits.least:
        best += 1
    return best


@compiled
def common(one: Any, other: Any) -> tuple[Any, int]:
    """Sets of nodes that are together in both partitions [n], numbered, and how many.

    Labels are below n.
    """
    n, count = one.size, 0
    begin, members = grouped(one, n)
    parts, part_of, last = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32)
    for label in range(n):
        last[label] = -1
    for label in range(n):
        for index in range(begin[label], begin[label + 1]):
            member = members[index]
            there = other[member]
            if last[there] != label:
                last[there], part_of[there] = label, count
                count += 1
            parts[member] = part_of[there]
    return parts, count


@compiled
def loosen(indptr: Any, near: Any, labels: Any, new: Any, waits: Any, state: Any) -> None:
    """Dissolve the modules at the ends of one to three random edges into single nodes.

    The edges are those in a list of neighbours. Labels [n] are written to `new`, and only the
    single nodes wait.
    """
    n, count = labels.size, 0
    loose, label_of = np.empty(n, np.bool_), np.empty(n, np.int32)
    for label in range(n):
        loose[label], label_of[label] = False, -1
    for _ in range(1 + draw_below(3, state)):
        node = draw_below(n, state)
        loose[labels[node]] = True
        degree = indptr[node + 1] - indptr[node]
        if degree:
            loose[labels[near[indptr[node] + draw_below(degree, state)]]] = True
    for node in range(n):
        label = labels[node]
        waits[node] = loose[label]
        if loose[label] or label_of[label] < 0:
            label_of[label] = count
            count += 1
        new[node] = label_of[label]
