"""Longest path from an input to each unit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.graph import NetGraph

__all__ = ["depth"]


def depth(graph: NetGraph) -> NDArray[np.float64]:
    """Number of edges on the longest path from an input to each unit.

    The pattern alone counts: weights do not enter, an edge of weight 0 is an edge. O(E).

    Returns
    -------
    Edges [U]: 0 at inputs that nothing feeds, −1 at units that no input reaches.

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[1.0, 4.0]])])
    >>> depth(graph).tolist()
    [0.0, 0.0, 1.0, 1.0, 2.0]
    """
    edges = graph.weights
    deepest = np.full(graph.n_units, -1, dtype=np.int32)
    deepest[graph.inputs] = 0
    for layer in graph.layers:
        reached = deepest[layer.units] >= 0
        indptr = edges.indptr[layer.start : layer.stop + 1]
        targets = edges.indices[indptr[0] : indptr[-1]]
        degrees = np.diff(indptr)
        if not reached.all():
            targets = targets[np.repeat(reached, degrees)]
        steps = np.repeat(deepest[layer.units][reached] + 1, degrees[reached])
        np.maximum.at(deepest, targets, steps)
    return deepest.astype(np.float64)
