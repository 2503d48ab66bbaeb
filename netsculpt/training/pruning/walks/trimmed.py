"""Exactly as many weights as requested, where no unit needs the surplus."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.training.pruning.walks.edges import kept_edges, live_units
from netsculpt.training.pruning.walks.graph import Visited, WalkGraph

__all__ = ["trimmed"]


def trimmed(graph: WalkGraph, visited: Visited, n_kept: int) -> NDArray[np.bool_]:
    """Leave out what the last walk added beyond `n_kept`, weakest first [n_scalars].

    A scalar goes only if its live units keep another one that leads from or to a live unit, so
    that no unit dies; there may be too few of those. Cost O(kept log kept).
    """
    kept = visited.kept.copy()
    source, target, scalar = kept_edges(graph, kept)
    live = live_units(graph, source, target)
    alive = live[source] & live[target]
    source, target, scalar = source[alive], target[alive], scalar[alive]
    arriving, leaving = (np.bincount(x, minlength=live.size) for x in (target, source))
    surplus = max(int(kept.sum()) - n_kept, 0)
    for weakest in visited.last[np.argsort(graph.strength[visited.last], kind="stable")].tolist():
        if not surplus:
            break
        own = np.flatnonzero(scalar == weakest)
        fewer = [np.bincount(x[own], minlength=live.size) for x in (target, source)]
        touched = [x > 0 for x in fewer]
        if (arriving - fewer[0])[touched[0]].all() and (leaving - fewer[1])[touched[1]].all():
            kept[weakest] = False
            arriving, leaving = arriving - fewer[0], leaving - fewer[1]
            surplus -= 1
    return kept
