"""Bridges of each group of edges in compiled code: see `netsculpt.graph.cycles`."""

from __future__ import annotations

from typing import Any

import numpy as np

from netsculpt.core.compiled import compiled, grouped

__all__ = ["count_cycles", "mark_cycles"]


@compiled
def mark_cycles(
    sources: Any, targets: Any, groups: Any, n_groups: int, n_units: int
) -> tuple[Any, Any]:
    """Whether each edge lies on a cycle of its group [E]; independent cycles [groups]."""
    on_cycle = np.zeros(sources.size, np.bool_)
    n_cycles = np.zeros(n_groups, np.int64)
    number = np.empty((2, n_units), np.int64)
    for unit in range(n_units):
        number[0, unit] = number[1, unit] = -1
    first, order = grouped(groups, n_groups)
    for group in range(n_groups):
        edges = order[first[group] : first[group + 1]]
        ends, n_nodes = _numbered(sources, targets, edges, number)
        is_bridge, n_parts = _bridges(ends, n_nodes)
        for index in range(edges.size):
            on_cycle[edges[index]] = not is_bridge[index]
        n_cycles[group] = edges.size - n_nodes + n_parts
    return on_cycle, n_cycles


@compiled
def count_cycles(
    sources: Any, targets: Any, groups: Any, chosen: Any, n_groups: int, n_units: int
) -> tuple[Any, Any]:
    """Chosen edges [E] of each group, and its independent cycles of them [groups].

    An edge that joins two parts of its group closes no cycle; parts are trees of their units.
    """
    n_edges, n_cycles = np.zeros(n_groups, np.int64), np.zeros(n_groups, np.int64)
    parent = np.empty(2 * n_units, np.int64)
    for unit in range(parent.size):
        parent[unit] = -1
    first, order = grouped(groups, n_groups)
    for group in range(n_groups):
        edges = order[first[group] : first[group + 1]]
        for edge in edges:
            if chosen[edge]:
                n_edges[group] += 1
                one = _root(parent, np.int64(sources[edge]))
                other = _root(parent, np.int64(n_units + targets[edge]))
                if one == other:
                    n_cycles[group] += 1
                else:
                    parent[other] = one
        for edge in edges:
            parent[sources[edge]] = parent[n_units + targets[edge]] = -1
    return n_edges, n_cycles


@compiled
def _root(parent: Any, unit: Any) -> Any:
    """The root of a unit's tree, −1 above it; the way there is halved."""
    while parent[unit] >= 0:
        above = parent[unit]
        if parent[above] >= 0:
            parent[unit] = parent[above]
        unit = above
    return unit


@compiled
def _numbered(sources: Any, targets: Any, edges: Any, number: Any) -> tuple[Any, int]:
    """Ends of the edges as nodes 0, 1, … [2, e], and how many. `number` is −1 before and after."""
    ends, n_nodes = np.empty((2, edges.size), np.int64), 0
    for side, units in enumerate((sources, targets)):
        for index in range(edges.size):
            unit = units[edges[index]]
            if number[side, unit] < 0:
                number[side, unit] = n_nodes
                n_nodes += 1
            ends[side, index] = number[side, unit]
    for side, units in enumerate((sources, targets)):
        for edge in edges:
            number[side, units[edge]] = -1
    return ends, n_nodes


@compiled
def _bridges(ends: Any, n_nodes: int) -> tuple[Any, int]:
    """Whether each edge is a bridge [e], and the number of connected parts: Tarjan, 1974."""
    n_edges = ends.shape[1]
    is_bridge = np.zeros(n_edges, np.bool_)
    first, at_node = grouped(ends.reshape(-1), n_nodes)
    unread = first[:-1].copy()
    entered, lowest = np.empty(n_nodes, np.int64), np.empty(n_nodes, np.int64)
    came_by, path = np.empty(n_nodes, np.int64), np.empty(n_nodes, np.int64)
    for node in range(n_nodes):
        entered[node], lowest[node], came_by[node] = -1, 0, -1
    clock = n_parts = 0
    for root in range(n_nodes):
        if entered[root] >= 0:
            continue
        n_parts += 1
        entered[root] = lowest[root] = clock
        clock += 1
        path[0], length = root, 1
        while length > 0:
            node = path[length - 1]
            if unread[node] == first[node + 1]:
                length -= 1
                if length > 0:
                    before = path[length - 1]
                    lowest[before] = min(lowest[before], lowest[node])
                    is_bridge[came_by[node]] = lowest[node] > entered[before]
                continue
            side, edge = divmod(at_node[unread[node]], n_edges)
            unread[node] += 1
            other = ends[1 - side, edge]
            if edge == came_by[node]:
                continue
            if entered[other] >= 0:
                lowest[node] = min(lowest[node], entered[other])
                continue
            entered[other] = lowest[other] = clock
            clock += 1
            came_by[other] = edge
            path[length] = other
            length += 1
    return is_bridge, n_parts
