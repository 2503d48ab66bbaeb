"""Exactly as many weights as requested, where no unit needs the surplus."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.training.pruning.walks.edges import dispensable, kept_edges, live_units
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
    weakest = visited.last[np.argsort(graph.strength[visited.last], kind="stable")]
    surplus = int(kept.sum()) - n_kept
    kept[dispensable(source[alive], target[alive], scalar[alive], weakest, surplus)] = False
    return kept
