"""Edges out of each unit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.graph import NetGraph

__all__ = ["out_degree"]


def out_degree(graph: NetGraph) -> NDArray[np.float64]:
    """Number of edges out of each unit.

    The pattern alone counts: weights do not enter, an edge of weight 0 is an edge. O(U).

    Returns
    -------
    Counts [U].

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[1.0, 4.0]])])
    >>> out_degree(graph).tolist()
    [2.0, 1.0, 1.0, 1.0, 0.0]
    """
    return np.diff(graph.weights.indptr).astype(np.float64)
