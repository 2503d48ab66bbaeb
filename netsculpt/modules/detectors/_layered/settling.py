"""An optimum made better where there is no time for many.

Single moves leave two faults in an optimum: a module that has grown over two, and modules that
change places from one layer to the next. Splitting mends both.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from netsculpt.modules.detectors._layered.aggregating import aggregated
from netsculpt.modules.detectors._layered.iterating import Limits, optimum
from netsculpt.modules.detectors._layered.moving import Level, moved, numbered
from netsculpt.modules.detectors._layered.splitting import split

__all__ = ["mended", "settled"]

_SPLITS = 4  # at most
_MANY = 100_000  # nodes, from which on modules to begin with are made in another way
_FIRST_VISITS = 2  # of a node, on average


def settled(level: Level, gamma: float, limits: Limits, labels: Any, state: Any) -> None:
    """Improve the labels [n] by the Leiden algorithm, and by splits as long as they gain.

    Beyond 100,000 nodes that are all alone, modules to begin with are made first.
    """
    is_mended = _MANY < labels.size == numbered(labels) and _grown(
        level, gamma, limits, labels, state
    )
    optimum(level, gamma, limits, labels, np.ones(labels.size, np.bool_), state)
    if not is_mended:
        mended(level, gamma, limits, labels, state)


def mended(level: Level, gamma: float, limits: Limits, labels: Any, state: Any) -> None:
    """Improve an optimum [n] by splits, and by the Leiden algorithm after each."""
    for _ in range(_SPLITS):
        if not split(level, gamma, limits.least, labels, numbered(labels), state):
            return
        optimum(level, gamma, limits, labels, np.ones(labels.size, np.bool_), state)


def _grown(level: Level, gamma: float, limits: Limits, labels: Any, state: Any) -> bool:
    """Modules [n] to begin with: nodes move a little, then what they made is merged.

    Were nodes to move until none gains, the first modules that grow would eat up those of others
    before there is anything to hold against them, and the larger the network the longer it takes.
    Returns whether no split gains any more.
    """
    few = limits._replace(most_visits=_FIRST_VISITS)
    _merged(level, gamma, few, limits, labels, state)
    for _ in range(_SPLITS):
        _merged(level, gamma, limits, limits, labels, state)
        if not split(level, gamma, limits.least, labels, numbered(labels), state):
            return True
    return False


def _merged(
    level: Level, gamma: float, of_nodes: Limits, of_modules: Limits, labels: Any, state: Any
) -> None:
    """Move nodes to other modules [n], then whole modules as nodes, until none gains."""
    n_nodes, n_modules = labels.size, _swept(level, gamma, of_nodes, labels, state)
    while n_modules < n_nodes:
        n_nodes, own = n_modules, np.arange(n_modules, dtype=np.int32)
        above = aggregated(level, labels, n_nodes)
        n_modules = _swept(above, gamma, of_modules, own, state)
        labels[:] = own[labels]


def _swept(level: Level, gamma: float, limits: Limits, labels: Any, state: Any) -> int:
    """How many modules are left once nodes have moved."""
    waits, n_visits = np.ones(labels.size, np.bool_), limits.most_visits * labels.size
    return int(moved(level, gamma, limits.least, n_visits, labels, waits, state)[1])
