"""Moving, refining and aggregating on the modularity matrix of a small network, in compiled code.

The same steps as those on lists of edges. What a node gains in a module is read from a table,
which a move updates by adding and subtracting a row of the matrix: several times as fast as
summing up edges and null terms, as long as the matrix fits into the processor's cache.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from netsculpt.core.compiled import compiled, grouped
from netsculpt.modules.detectors._layered.moving import draw_below, queued, renumber

__all__ = [
    "Dense",
    "dense_aggregated",
    "dense_move",
    "dense_refined",
    "dense_value",
    "modularity_matrix",
]


class Dense(NamedTuple):
    """A small network of nodes, each a unit or a set of units."""

    excess: Any  # [n, n] weight between two nodes beyond chance, 0 on the diagonal
    indptr: Any  # [n + 1] where each node's partners begin
    partners: Any  # nodes with a positive excess: only they draw a node into their module
    anchored: Any  # [n] nodes that stay where they are


@compiled
def modularity_matrix(level: Any, gamma: float) -> Any:
    """A network's modularity matrix [n, n], at this resolution."""
    indptr, indices, weights, first, slots, values, _, anchored, partner, _ = level
    n = anchored.size
    own, excess = np.zeros((partner.size, n)), np.zeros((n, n))
    for node in range(n):
        for index in range(first[node], first[node + 1]):
            own[partner[slots[index]], node] = values[index]
    for node in range(n):
        for index in range(first[node], first[node + 1]):
            slot, strength = slots[index], gamma * values[index]
            for other in range(n):
                excess[node, other] -= strength * own[slot, other]
        for index in range(indptr[node], indptr[node + 1]):
            excess[node, indices[index]] += weights[index]
        excess[node, node] = 0.0
    return _with_partners(excess, anchored)


@compiled
def _with_partners(excess: Any, anchored: Any) -> Any:
    n, count = anchored.size, 0
    indptr, partners = np.empty(n + 1, np.int32), np.empty(n * n + 1, np.int32)
    indptr[0] = 0
    for node in range(n):
        for other in range(n):
            partners[count] = other
            count += excess[node, other] > 0.0
        indptr[node + 1] = count
    return Dense(excess, indptr, partners, anchored)


@compiled
def dense_move(
    dense: Any, least: float, most_visits: int, labels: Any, waits: Any, state: Any
) -> tuple[Any, Any, Any]:
    """Move nodes as `move` does.

    A node's new module is that of one of its partners, or one of its own.
    """
    excess, indptr, partners, anchored = dense
    n = labels.size
    n_modules = renumber(labels)
    table, sizes = np.empty((n, n)), np.zeros(n, np.int32)  # excess of each module and node
    for label in range(n_modules):
        for node in range(n):
            table[label, node] = 0.0
    for node in range(n):
        label = labels[node]
        sizes[label] += 1
        for other in range(n):
            table[label, other] += excess[node, other]
    empty, n_empty = np.empty(n, np.int32), 0  # unused labels, the last to be taken first
    for label in range(n - 1, n_modules - 1, -1):
        empty[n_empty] = label
        n_empty += 1
    queue, waiting = queued(waits, state)
    head, gained, n_visits = 0, 0.0, 0
    while waiting and n_visits < most_visits:
        n_visits += 1
        node = queue[head]
        head = head + 1 if head + 1 < n else 0
        waiting -= 1
        waits[node] = False
        if anchored[node]:
            continue
        own = labels[node]
        stay = table[own, node]
        best, most = own, stay + least
        for index in range(indptr[node], indptr[node + 1]):
            label = labels[partners[index]]
            gain = table[label, node]
            if gain > most and label != own:
                best, most = label, gain
        if most < 0.0 and sizes[own] > 1:
            n_empty -= 1
            best, most = empty[n_empty], 0.0
            for other in range(n):
                table[best, other] = 0.0
        if best == own:
            continue
        gained += most - stay
        for other in range(n):
            table[own, other] -= excess[node, other]
            table[best, other] += excess[node, other]
        sizes[own] -= 1
        sizes[best] += 1
        if sizes[own] == 0:
            empty[n_empty] = own
            n_empty += 1
        labels[node] = best
        for index in range(indptr[node], indptr[node + 1]):
            other = partners[index]
            if not waits[other] and labels[other] != best:
                waits[other] = True
                spot = head + waiting
                queue[spot if spot < n else spot - n] = other
                waiting += 1
    return gained, renumber(labels), n_visits


@compiled
def dense_refined(dense: Any, labels: Any, n_modules: int, state: Any) -> tuple[Any, int]:
    """Parts of modules [n], as `refined` returns them, and how many."""
    excess, _, _, anchored = dense
    n = labels.size
    begin, members = grouped(labels, n_modules)
    parts, sizes, beyond = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n)
    inside = np.empty(n * n)
    for module in range(n_modules):
        first, size = begin[module], begin[module + 1] - begin[module]
        for last in range(size - 1, 0, -1):
            other = draw_below(last + 1, state)
            members[first + last], members[first + other] = (
                members[first + other],
                members[first + last],
            )
        for one in range(size):
            member = members[first + one]
            sizes[one], beyond[one], parts[member] = 1, 0.0, member
            for other in range(size):
                value = excess[member, members[first + other]]
                inside[one * size + other] = value
                beyond[one] += value
        for one in range(size):
            if sizes[one] != 1 or anchored[members[first + one]] or beyond[one] < 0.0:
                continue
            best, most = one, 0.0
            for part in range(size):
                gain = inside[part * size + one]
                if gain > most and sizes[part] > 0 and beyond[part] >= 0.0:
                    best, most = part, gain
            if best == one:
                continue
            for other in range(size):
                inside[best * size + other] += inside[one * size + other]
            beyond[best] += beyond[one] - 2.0 * most
            sizes[best] += 1
            sizes[one] = 0
            parts[members[first + one]] = members[first + best]
    return parts, renumber(parts)


@compiled
def dense_aggregated(dense: Any, parts: Any, n_parts: int) -> Any:
    """The network whose nodes are the parts [n] of this network's nodes."""
    excess, _, _, anchored = dense
    n = parts.size
    rows, above, stays = (
        np.zeros((n_parts, n)),
        np.zeros((n_parts, n_parts)),
        np.zeros(n_parts, np.bool_),
    )
    for node in range(n):
        part = parts[node]
        stays[part] |= anchored[node]
        for other in range(n):
            rows[part, other] += excess[node, other]
    for part in range(n_parts):
        for node in range(n):
            above[part, parts[node]] += rows[part, node]
        above[part, part] = 0.0
    return _with_partners(above, stays)


@compiled
def dense_value(dense: Any, labels: Any) -> float:
    """Twice the weight inside modules beyond chance."""
    value = 0.0
    for node in range(labels.size):
        own = labels[node]
        for other in range(node):
            if labels[other] == own:
                value += dense.excess[node, other]
    return 2.0 * value
