"""The Leiden algorithm: moving, refining and aggregating until nothing is gained, compiled.

A network is given as lists of edges (`level`) or by its modularity matrix (`dense`), and the other
is None: numba then compiles the steps of one kind only.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from netsculpt.core.compiled import compiled, put
from netsculpt.modules.detectors._layered.aggregating import aggregated
from netsculpt.modules.detectors._layered.dense import (
    Dense,
    dense_aggregated,
    dense_move,
    dense_refined,
)
from netsculpt.modules.detectors._layered.moving import Level, renumber
from netsculpt.modules.detectors._layered.refining import connected_parts, refined
from netsculpt.modules.detectors._layered.tabled import move_any

__all__ = ["Limits", "is_known", "optimise", "optimise_connected"]


class Limits(NamedTuple):
    """Limits at which to stop."""

    least: float  # gain of a move
    no_gain: float  # gain of an iteration that makes it the last
    most_visits: int  # of a node in a sweep, on average


@compiled
def optimise(
    level: Any,
    dense: Any,
    gamma: float,
    limits: Any,
    labels: Any,
    waits: Any,
    known: Any,
    state: Any,
) -> int:
    """Improve the labels [n] until an iteration of the Leiden algorithm gains no more than a bound.

    Returns the number of visits, including those of sets of nodes. `waits` [n] marks the nodes
    that the first sweep visits; at the end, all are marked. `known` [k, n] are optima that were
    found before, numbered in order of appearance: an iteration that ends in one of them is the
    last, as theirs gained nothing.
    """
    units, n_visits, gained = labels.size, 0, np.inf
    node_of, first = np.empty(units, np.int32), np.empty(units, np.int32)
    while gained > limits.no_gain:
        gained, here, matrix, own, waiting = 0.0, level, dense, first, waits
        for unit in range(units):
            node_of[unit], first[unit] = unit, labels[unit]
        while True:
            n_nodes = own.size
            most = limits.most_visits * n_nodes
            if level is not None:
                more, n_modules, n = move_any(here, gamma, limits.least, most, own, waiting, state)
            if dense is not None:
                more, n_modules, n = dense_move(matrix, limits.least, most, own, waiting, state)
            gained += more
            n_visits += n
            if n_modules == n_nodes:
                break
            if level is not None:
                parts, n_parts = refined(here, gamma, own, state)
            if dense is not None:
                parts, n_parts = dense_refined(matrix, own, n_modules, state)
            if n_parts == n_nodes:  # no part is larger than a node: continue with whole modules
                parts, n_parts = own, n_modules
            if level is not None:
                here = aggregated(here, parts, n_parts)
            if dense is not None:
                matrix = dense_aggregated(matrix, parts, n_parts)
            module, waiting = np.empty(n_parts, np.int32), np.empty(n_parts, np.bool_)
            for node in range(n_nodes):
                module[parts[node]], waiting[parts[node]] = own[node], True
            for unit in range(units):
                node_of[unit] = parts[node_of[unit]]
            own = module
        for unit in range(units):
            labels[unit], waits[unit] = own[node_of[unit]], True
        renumber(labels)
        if is_known(labels, known):
            break
    return n_visits


@compiled
def is_known(labels: Any, known: Any) -> bool:
    """Whether the labels [n] are among the known ones [k, n]."""
    for index in range(known.shape[0]):
        node = 0
        while node < labels.size and labels[node] == known[index, node]:
            node += 1
        if node == labels.size:
            return True
    return False


def optimise_connected(
    level: Level, dense: Dense | None, gamma: float, limits: Limits, labels: Any, state: Any
) -> None:
    """Improve the labels [n] until no node gains by a move and all modules are connected.

    The nodes move on the modularity matrix if there is one.
    """
    most, settled = limits.most_visits * labels.size, False
    while not settled:
        waits = np.ones(labels.size, dtype=np.bool_)
        if dense is None:
            gained, n_modules, n = move_any(level, gamma, limits.least, most, labels, waits, state)
        else:
            gained, n_modules, n = dense_move(dense, limits.least, most, labels, waits, state)
        parts, n_parts = connected_parts(level, labels)
        put(parts, labels)
        # Moves change null terms of nodes that are not neighbours, and so not visited again; and
        # they may disconnect a module. So the last sweep must do neither.
        settled = n_parts == n_modules and (gained == 0 or n == most)
