"""Edges into each unit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.graph import NetGraph

__all__ = ["in_degree"]

_CHUNK = 1 << 20  # edges: bincount widens what it is given to 8 bytes


def in_degree(graph: NetGraph) -> NDArray[np.float64]:
    """Number of edges into each unit.

    The pattern alone counts: weights do not enter, an edge of weight 0 is an edge. O(E).

    Returns
    -------
    Counts [U].

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[1.0, 4.0]])])
    >>> in_degree(graph).tolist()
    [0.0, 0.0, 1.0, 2.0, 2.0]
    """
    targets = graph.weights.indices
    degrees = np.zeros(graph.n_units)
    for first in range(0, targets.size, _CHUNK):
        degrees += np.bincount(targets[first : first + _CHUNK], minlength=graph.n_units)
    return degrees
