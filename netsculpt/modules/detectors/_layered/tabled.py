"""Local moving in dense networks of few modules: a table of links instead of lists of neighbours.

`move` reads all neighbours of a node at each visit. Where a node has thousands of them in a handful
of modules, and most visits move nothing, it is faster to keep what links each node to each module,
and to go through the neighbours only when a node moves.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from netsculpt.core.compiled import compiled
from netsculpt.modules.detectors._layered.moving import (
    add_strengths,
    clear_strengths,
    move,
    queued,
    renumber,
)

__all__ = ["move_any"]

_MANY = 800_000  # neighbours of all nodes, twice the edges: smaller networks move by `move` alone
_DEGREE = 512  # neighbours of a node, on average
_FEW = 16  # neighbours per module from which on a table is faster
_SPARE = 8  # modules that may be opened before the table ends


@compiled
def move_any(
    level: Any, gamma: float, least: float, most_visits: int, labels: Any, waits: Any, state: Any
) -> tuple[Any, Any, Any]:
    """What `move` does, by a table as soon as few modules are left in a large dense network."""
    n, size = labels.size, level.indices.size
    if size < _MANY or size < _DEGREE * n:
        return move(level, gamma, least, most_visits, labels, waits, state)
    gained, n_modules, n_visits = 0.0, renumber(labels), 0
    while n_visits < most_visits and waits.any():
        left = most_visits - n_visits
        if _FEW * n_modules * n <= size:
            more, n_modules, now = _move_tabled(level, gamma, least, left, labels, waits, state)
        else:
            more, n_modules, now = move(level, gamma, least, min(n, left), labels, waits, state)
        gained += more
        n_visits += now
    return gained, n_modules, n_visits


@compiled
def _move_tabled(
    level: Any, gamma: float, least: float, most_visits: int, labels: Any, waits: Any, state: Any
) -> tuple[Any, Any, Any]:
    """As `move`. It also ends where more modules are opened than the table has room for."""
    indptr, indices, weights, first, slots, values, alone, anchored, partner, total = level
    n, n_modules = labels.size, renumber(labels)
    add_strengths(level, labels)
    width = n_modules + _SPARE
    link, sizes = np.zeros((n, width)), np.zeros(width, np.int32)
    for node in range(n):
        sizes[labels[node]] += 1
        for index in range(indptr[node], indptr[node + 1]):
            link[node, labels[indices[index]]] += weights[index]
    queue, waiting = queued(waits, state)
    head, gained, n_visits, n_empty = 0, 0.0, 0, _SPARE
    while waiting and n_visits < most_visits and n_empty:
        n_visits += 1
        node = queue[head]
        head = head + 1 if head + 1 < n else 0
        waiting -= 1
        waits[node] = False
        if anchored[node]:
            continue
        own = labels[node]
        begin, end = first[node], first[node + 1]
        null = -alone[node]
        for index in range(begin, end):
            null += values[index] * total[own, slots[index]]
        stay = link[node, own] - gamma * null
        best, most = own, stay + least
        for label in range(width):
            gain = link[node, label]
            if label != own and sizes[label] and gain > most:  # the null term can only lower it
                for index in range(begin, end):
                    gain -= gamma * values[index] * total[label, slots[index]]
                if gain > most:
                    best, most = label, gain
        if most < 0.0 and sizes[own] > 1:
            best, most = 0, 0.0
            while sizes[best]:
                best += 1
        if best == own:
            continue
        gained += most - stay
        for index in range(begin, end):
            slot = partner[slots[index]]
            total[own, slot] -= values[index]
            total[best, slot] += values[index]
        n_empty += (sizes[own] == 1) - (sizes[best] == 0)
        sizes[own] -= 1
        sizes[best] += 1
        labels[node] = best
        for index in range(indptr[node], indptr[node + 1]):
            other = indices[index]
            link[other, own] -= weights[index]
            link[other, best] += weights[index]
            if not waits[other] and labels[other] != best:
                waits[other] = True
                spot = head + waiting
                queue[spot if spot < n else spot - n] = other
                waiting += 1
    clear_strengths(level, labels)
    total[:width] = 0.0  # what remains of modules that were left is rounding errors
    return gained, renumber(labels), n_visits
