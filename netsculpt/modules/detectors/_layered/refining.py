"""Refinement of every module into well-connected parts, in compiled code.

Leiden's refinement (Traag, Waltman and van Eck 2019, arXiv:1810.08473, algorithm A.2), greedy: a
node joins the part where it gains most.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from netsculpt.core.compiled import compiled
from netsculpt.modules.detectors._layered.moving import (
    add_strengths,
    clear_strengths,
    renumber,
    shuffled,
)

__all__ = ["connected_parts", "refined"]


@compiled
def refined(level: Any, gamma: float, labels: Any, state: Any) -> tuple[Any, Any]:
    """Parts of modules [n], numbered, and how many; initially every node is alone.

    A node is merged at most once, and only while it is alone. The `excess` of a set is the weight
    of its edges to the rest of its module beyond chance; the set is well connected if that is not
    below 0.
    """
    indptr, indices, weights, first, slots, values, alone, anchored, partner, total = level
    n = labels.size
    add_strengths(level, labels)  # of the modules; those of the parts follow
    parts, sizes, excess = np.empty(n, np.int32), np.empty(n, np.int32), np.zeros(n)
    for node in range(n):
        parts[node], sizes[node] = node, 1
        own = labels[node]
        for index in range(indptr[node], indptr[node + 1]):
            if labels[indices[index]] == own:
                excess[node] += weights[index]
        null = -alone[node]
        for index in range(first[node], first[node + 1]):
            null += values[index] * total[own, slots[index]]
        excess[node] -= gamma * null
    clear_strengths(level, labels)
    for node in range(n):
        for index in range(first[node], first[node + 1]):
            total[node, partner[slots[index]]] = values[index]
    link, met = np.zeros(n), np.empty(n + 1, np.int32)
    for node in shuffled(n, state):
        if sizes[parts[node]] > 1 or anchored[node] or excess[node] < 0.0:
            continue
        own, n_met = labels[node], 0
        for index in range(indptr[node], indptr[node + 1]):
            other = indices[index]
            if labels[other] == own:
                part = parts[other]
                met[n_met] = part
                n_met += link[part] == 0.0
                link[part] += weights[index]
        best, most = node, 0.0
        for which in range(n_met):
            part = met[which]
            gain = link[part]
            link[part] = 0.0
            if gain > most and excess[part] >= 0.0:
                for index in range(first[node], first[node + 1]):
                    gain -= gamma * values[index] * total[part, slots[index]]
                if gain > most:
                    best, most = part, gain
        if best == node:
            continue
        for index in range(first[node], first[node + 1]):
            total[best, partner[slots[index]]] += values[index]
        excess[best] += excess[node] - 2.0 * most
        sizes[best] += 1
        sizes[node] = 0
        parts[node] = best
    clear_strengths(level, parts)
    for node in range(n):
        for index in range(first[node], first[node + 1]):
            total[node, partner[slots[index]]] = 0.0
    return parts, renumber(parts)


@compiled
def connected_parts(level: Any, labels: Any) -> tuple[Any, Any]:
    """Connected parts of the modules [n], numbered, and how many.

    Separating what no edge joins never lowers the quality.
    """
    n = labels.size
    parts, reached, count = np.empty(n, np.int32), np.empty(n, np.int32), 0
    for node in range(n):
        parts[node] = -1
    for begin in range(n):
        if parts[begin] >= 0:
            continue
        parts[begin], reached[0], n_reached, index = count, begin, 1, 0
        while index < n_reached:
            node = reached[index]
            index += 1
            for edge in range(level.indptr[node], level.indptr[node + 1]):
                other = level.indices[edge]
                if parts[other] < 0 and labels[other] == labels[node]:
                    parts[other] = count
                    reached[n_reached] = other
                    n_reached += 1
        count += 1
    return parts, count
