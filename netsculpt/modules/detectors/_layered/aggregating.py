"""Aggregation of sets of nodes into nodes, in compiled code."""

from __future__ import annotations

from typing import Any

import numpy as np

from netsculpt.core.compiled import compiled, grouped
from netsculpt.modules.detectors._layered.moving import Level

__all__ = ["aggregated"]


@compiled
def aggregated(level: Any, parts: Any, n_parts: int) -> Any:
    """The network whose nodes are the parts [n] of this network's nodes."""
    indptr, indices, weights, first, slots, values, _, anchored, partner, table = level
    begin, members = grouped(parts, n_parts)
    new_indptr, new_first = np.zeros(n_parts + 1, np.int64), np.zeros(n_parts + 1, np.int64)
    new_indices, new_weights = np.empty(indices.size, np.int32), np.empty(indices.size)
    new_slots, new_values = np.empty(slots.size, np.int32), np.empty(slots.size)
    new_alone, new_anchored = np.zeros(n_parts), np.zeros(n_parts, np.bool_)
    link, strength = np.zeros(n_parts), np.zeros(partner.size)
    reads = np.zeros(partner.size, np.bool_)
    n_edges = n_slots = 0
    for part in range(n_parts):
        for member in members[begin[part] : begin[part + 1]]:
            new_anchored[part] |= anchored[member]
            for index in range(indptr[member], indptr[member + 1]):
                other = parts[indices[index]]
                if other != part:
                    if link[other] == 0.0:
                        new_indices[n_edges] = other
                        n_edges += 1
                    link[other] += weights[index]
            for index in range(first[member], first[member + 1]):
                slot = slots[index]
                if not reads[slot]:
                    reads[slot] = True
                    new_slots[n_slots] = slot
                    n_slots += 1
                strength[slot] += values[index]
        new_indptr[part + 1], new_first[part + 1] = n_edges, n_slots
        for index in range(new_indptr[part], n_edges):
            new_weights[index] = link[new_indices[index]]
            link[new_indices[index]] = 0.0
        for index in range(new_first[part], n_slots):
            slot = new_slots[index]
            new_values[index] = strength[slot]
            new_alone[part] += strength[slot] * strength[partner[slot]]
        for index in range(new_first[part], n_slots):
            strength[new_slots[index]] = 0.0
            reads[new_slots[index]] = False
    return Level(
        new_indptr,
        new_indices[:n_edges].copy(),
        new_weights[:n_edges].copy(),
        new_first,
        new_slots[:n_slots].copy(),
        new_values[:n_slots].copy(),
        new_alone,
        new_anchored,
        partner,
        table,
    )
