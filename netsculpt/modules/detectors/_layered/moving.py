"""Local moving: each unit in turn moves to the module where it gains most, in compiled code.

A module's strengths in a layer pair are scaled by 1/√m_p and stored in slots: the out-strength of
a pair is read by the pair's target units, the in-strength by its source units. So a node holds only
(slot that it reads, its own strength in the pair), and the null term between a node and a module is
a short sum of products.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from netsculpt.core.compiled import compiled, next_bits

__all__ = [
    "Level",
    "add_strengths",
    "clear_strengths",
    "draw_below",
    "move",
    "queued",
    "renumber",
    "shuffled",
    "strengths",
    "value_of",
]


class Level(NamedTuple):
    """A network of nodes, each a unit or a set of units."""

    indptr: Any  # [n + 1] neighbours of each node, in both directions
    indices: Any  # [2 edges], without the node itself
    weights: Any  # [2 edges]
    first: Any  # [n + 1] slots of each node
    slots: Any  # slots that each node reads
    values: Any  # the node's strength in the slot's pair
    alone: Any  # [n] null term of the node with itself
    anchored: Any  # [n] nodes that stay where they are
    partner: Any  # [slots] slot that a reader of the slot writes to
    table: Any  # [at least n, slots] zeros: a function that writes to it clears what it wrote.
    # In a deep network nearly all of it is never touched; clearing it all would take the most time


@compiled
def move(
    level: Any, gamma: float, least: float, most_visits: int, labels: Any, waits: Any, state: Any
) -> tuple[Any, Any, Any]:
    """Move nodes, in random order, until no move gains or `most_visits` is reached.

    Nodes that wait [n] are visited, and nodes whose neighbour has moved. Labels [n] become
    0, 1, …. Returns the weight gained, the number of modules left and the number of visits.
    """
    indptr, indices, weights, first, slots, values, alone, anchored, partner, total = level
    n = labels.size
    n_modules = renumber(labels)
    add_strengths(level, labels)
    left, n_left = np.empty((n, 2), np.int32), 0  # nodes that left a module, and which
    sizes = np.zeros(n, np.int32)
    for node in range(n):
        sizes[labels[node]] += 1
    empty = np.empty(n, np.int32)  # unused labels, the last to be taken first
    n_empty = 0
    for label in range(n - 1, n_modules - 1, -1):
        empty[n_empty] = label
        n_empty += 1
    link, met = np.zeros(n), np.empty(n + 1, np.int32)
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
        n_met = 0
        for index in range(indptr[node], indptr[node + 1]):
            label = labels[indices[index]]
            met[n_met] = label  # without a branch, which would be mispredicted
            n_met += link[label] == 0.0
            link[label] += weights[index]
        begin, end = first[node], first[node + 1]
        null = -alone[node]
        for index in range(begin, end):
            null += values[index] * total[own, slots[index]]
        stay = link[own] - gamma * null
        best, most = own, stay + least
        for which in range(n_met):
            label = met[which]
            gain = link[label]
            link[label] = 0.0
            if label != own and gain > most:  # the null term can only lower it
                for index in range(begin, end):
                    gain -= gamma * values[index] * total[label, slots[index]]
                if gain > most:
                    best, most = label, gain
        if most < 0.0 and sizes[own] > 1:
            n_empty -= 1
            best, most = empty[n_empty], 0.0
        if best == own:
            continue
        gained += most - stay
        for index in range(begin, end):
            slot = partner[slots[index]]
            total[own, slot] -= values[index]
            total[best, slot] += values[index]
        sizes[own] -= 1
        sizes[best] += 1
        if n_left == left.shape[0]:
            left = _doubled(left)
        left[n_left, 0], left[n_left, 1] = node, own
        n_left += 1
        if sizes[own] == 0:
            empty[n_empty] = own
            n_empty += 1
        labels[node] = best
        for index in range(indptr[node], indptr[node + 1]):
            other = indices[index]
            if not waits[other] and labels[other] != best:
                waits[other] = True
                spot = head + waiting
                queue[spot if spot < n else spot - n] = other
                waiting += 1
    clear_strengths(level, labels)
    for index in range(n_left):  # what remains there is rounding errors
        node, own = left[index, 0], left[index, 1]
        for which in range(first[node], first[node + 1]):
            total[own, partner[slots[which]]] = 0.0
    return gained, renumber(labels), n_visits


@compiled
def _doubled(table: Any) -> Any:
    grown = np.empty((2 * table.shape[0], 2), np.int32)
    for row in range(table.shape[0]):  # a slice takes two seconds to compile
        grown[row, 0], grown[row, 1] = table[row, 0], table[row, 1]
    return grown


@compiled
def add_strengths(level: Any, labels: Any) -> None:
    """Add the strength of each module in each slot to its row of the table."""
    for node in range(labels.size):
        for index in range(level.first[node], level.first[node + 1]):
            row, slot = labels[node], level.partner[level.slots[index]]
            level.table[row, slot] += level.values[index]


@compiled
def clear_strengths(level: Any, labels: Any) -> None:
    """Set to 0 what `add_strengths` has set."""
    for node in range(labels.size):
        for index in range(level.first[node], level.first[node + 1]):
            row, slot = labels[node], level.partner[level.slots[index]]
            level.table[row, slot] = 0.0


@compiled
def strengths(level: Any, labels: Any, n_modules: int) -> Any:
    """Strength of each module in each slot [modules, slots]."""
    total = np.zeros((n_modules, level.partner.size))
    for node in range(labels.size):
        for index in range(level.first[node], level.first[node + 1]):
            total[labels[node], level.partner[level.slots[index]]] += level.values[index]
    return total


@compiled
def value_of(level: Any, gamma: float, labels: Any) -> float:
    """Twice the weight inside modules beyond chance. Renumbers the labels 0, 1, …."""
    value = 0.0
    for node in range(labels.size):
        for index in range(level.indptr[node], level.indptr[node + 1]):
            if labels[level.indices[index]] == labels[node]:
                value += level.weights[index]
        value += gamma * level.alone[node]
    total = strengths(level, labels, renumber(labels))
    for module in range(total.shape[0]):
        for slot in range(total.shape[1]):
            value -= gamma * total[module, slot] * total[module, level.partner[slot]]
    return value


@compiled
def renumber(labels: Any) -> int:
    """Renumber labels (each below n) 0, 1, … in order of appearance; returns how many there are."""
    new, count = np.empty(labels.size, np.int32), 0
    for label in range(labels.size):
        new[label] = -1
    for node in range(labels.size):
        label = labels[node]
        if new[label] < 0:
            new[label] = count
            count += 1
        labels[node] = new[label]
    return count


@compiled
def queued(waits: Any, state: Any) -> tuple[Any, Any]:
    """The nodes that wait, in random order, in front of a queue [N], and how many they are."""
    queue, waiting = shuffled(waits.size, state), 0
    for index in range(waits.size):
        if waits[queue[index]]:
            queue[waiting] = queue[index]
            waiting += 1
    return queue, waiting


@compiled
def shuffled(n: int, state: Any) -> Any:
    """The numbers 0 … n − 1 in random order."""
    order = np.empty(n, np.int32)
    for index in range(n):
        order[index] = index
    for last in range(n - 1, 0, -1):
        other = draw_below(last + 1, state)
        order[last], order[other] = order[other], order[last]
    return order


@compiled
def draw_below(n: int, state: Any) -> Any:
    """Draw a number below n; the generator's state [1] is advanced."""
    return np.int64(((next_bits(state) >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))
