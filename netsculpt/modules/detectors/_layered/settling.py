"""Improving a single optimum, for networks too large to find many.

Single moves leave two faults in an optimum: one module for two planted ones, and modules that swap
places from one layer to the next. Splitting repairs both.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from netsculpt.modules.detectors._layered.aggregating import aggregated
from netsculpt.modules.detectors._layered.iterating import Limits, optimise
from netsculpt.modules.detectors._layered.moving import Level, move, renumber
from netsculpt.modules.detectors._layered.splitting import split

__all__ = ["mend", "settle"]

_SPLITS = 4  # at most
_MANY = 100_000  # nodes from which on the initial modules are grown
_FIRST_VISITS = 2  # of a node, on average


def settle(level: Level, gamma: float, limits: Limits, labels: Any, state: Any) -> None:
    """Improve the labels [n] by the Leiden algorithm, and by splits as long as they gain.

    If more than 100,000 nodes are all alone, initial modules are grown first.
    """
    is_split = _MANY < labels.size == renumber(labels) and _grow(
        level, gamma, limits, labels, state
    )
    _optimise(level, gamma, limits, labels, state)
    if not is_split:
        mend(level, gamma, limits, labels, state)


def mend(level: Level, gamma: float, limits: Limits, labels: Any, state: Any) -> None:
    """Improve an optimum [n] by splits, and by the Leiden algorithm after each."""
    for _ in range(_SPLITS):
        if not split(level, gamma, limits.least, labels, renumber(labels), state):
            return
        _optimise(level, gamma, limits, labels, state)


def _optimise(level: Level, gamma: float, limits: Limits, labels: Any, state: Any) -> None:
    waits, none = np.ones(labels.size, np.bool_), np.empty((0, labels.size), np.int32)
    optimise(level, None, gamma, limits, labels, waits, none, state)


def _grow(level: Level, gamma: float, limits: Limits, labels: Any, state: Any) -> bool:
    """Grow initial modules [n]: nodes move a little, then the resulting modules are merged.

    If nodes moved until none gains, the first large modules would absorb the nodes of others that
    have not formed yet, and the more so the larger the network. Returns whether no split gains.
    """
    few = limits._replace(most_visits=_FIRST_VISITS)
    _merge(level, gamma, few, limits, labels, state)
    for _ in range(_SPLITS):
        _merge(level, gamma, limits, limits, labels, state)
        if not split(level, gamma, limits.least, labels, renumber(labels), state):
            return True
    return False


def _merge(
    level: Level, gamma: float, of_nodes: Limits, of_modules: Limits, labels: Any, state: Any
) -> None:
    """Move nodes to other modules [n], then whole modules as nodes, until none gains."""
    n_nodes, n_modules = labels.size, _sweep(level, gamma, of_nodes, labels, state)
    while n_modules < n_nodes:
        n_nodes, own = n_modules, np.arange(n_modules, dtype=np.int32)
        above = aggregated(level, labels, n_nodes)
        n_modules = _sweep(above, gamma, of_modules, own, state)
        labels[:] = own[labels]


def _sweep(level: Level, gamma: float, limits: Limits, labels: Any, state: Any) -> int:
    """Move nodes in one sweep; returns how many modules are left."""
    waits, n_visits = np.ones(labels.size, np.bool_), limits.most_visits * labels.size
    return int(move(level, gamma, limits.least, n_visits, labels, waits, state)[1])
