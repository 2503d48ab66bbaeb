"""The Leiden algorithm: moving, refining and aggregating until nothing is gained, compiled."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from netsculpt.core.compiled import compiled
from netsculpt.modules.detectors._layered.aggregating import aggregated
from netsculpt.modules.detectors._layered.moving import Level, move
from netsculpt.modules.detectors._layered.refining import connected_parts, refined

__all__ = ["Limits", "optimise", "optimise_connected"]


class Limits(NamedTuple):
    """Limits at which to stop."""

    least: float  # gain of a move
    no_gain: float  # gain of an iteration that makes it the last
    most_visits: int  # of a node in a sweep, on average


@compiled
def optimise(level: Any, gamma: float, limits: Any, labels: Any, waits: Any, state: Any) -> int:
    """Improve the labels [n] until an iteration of the Leiden algorithm gains no more than a bound.

    Returns the number of visits, including those of sets of nodes. `waits` [n] marks the nodes
    that the first sweep visits, and is cleared.
    """
    least, no_gain, most_visits = limits
    gained, units, n_visits = np.inf, labels.size, 0
    node_of = np.empty(units, np.int32)
    while gained > no_gain:
        gained, here, own = 0.0, level, labels.copy()
        for unit in range(units):
            node_of[unit] = unit
        while True:
            most = most_visits * own.size
            more, n_modules, n = move(here, gamma, least, most, own, waits, state)
            gained += more
            n_visits += n
            for unit in range(units):
                labels[unit] = own[node_of[unit]]
            if n_modules == own.size:
                break
            parts, n_parts = refined(here, gamma, own, n_modules, state)
            if n_parts == own.size:  # no part is larger than a node: continue with whole modules
                parts, n_parts = own, n_modules
            module = np.empty(n_parts, np.int32)
            for node in range(own.size):
                module[parts[node]] = own[node]
            for unit in range(units):
                node_of[unit] = parts[node_of[unit]]
            here, own, waits = aggregated(here, parts, n_parts), module, np.ones(n_parts, np.bool_)
        waits = np.ones(units, np.bool_)
    return n_visits


def optimise_connected(level: Level, gamma: float, limits: Limits, labels: Any, state: Any) -> None:
    """Improve the labels [n] until no node gains by a move and all modules are connected."""
    most, settled = limits.most_visits * labels.size, False
    while not settled:
        waits = np.ones(labels.size, dtype=np.bool_)
        gained, n_modules, n_visits = move(level, gamma, limits.least, most, labels, waits, state)
        parts, n_parts = connected_parts(level, labels)
        labels[:] = parts
        # Moves change null terms of nodes that are not neighbours, and so not visited again; and
        # they may disconnect a module. So the last sweep must do neither.
        settled = n_parts == n_modules and (gained == 0 or n_visits == most)
