"""Graphs to and from SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse import coo_array, csr_array

from netsculpt.core.errors import GraphError
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.interop.edges import graph_by_depth

__all__ = ["from_scipy", "to_scipy"]


def to_scipy(graph: NetGraph) -> csr_array:
    """A copy of the weights [U, U] as a sparse array, row = source; stored zeros are kept."""
    copy: csr_array = graph.weights.copy()
    return copy


def from_scipy(matrix: sparse.sparray | sparse.spmatrix) -> NetGraph:
    """A sparse matrix of weights [U, U], row = source, as a graph; stored zeros are edges.

    The layer of a unit is its longest distance from those that nothing feeds (the input layer); all
    units that feed nothing are the last layer, the output. ``positions`` are the rows. For one
    matrix per layer there is `netsculpt.from_matrices`. Cost O(E log E).

    Raises
    ------
    GraphError
        If the matrix is not sparse and square, stores an entry twice, has a cycle, or a weight is
        not a finite number.

    Examples
    --------
    >>> graph = from_scipy(csr_array(np.array([[0, 0.5, 2], [0, 0, 1], [0, 0, 0]])))
    >>> graph
    NetGraph(1-1-1: 3 units, 3 edges)
    """
    given: Any = matrix
    if not sparse.issparse(matrix) or given.ndim != 2 or given.shape[0] != given.shape[1]:
        raise GraphError(
            f"a {type(given).__name__} of shape {list(np.shape(given))} found: a sparse matrix "
            "[units, units] is needed; from_matrices takes one [out, in] per layer"
        )
    entries = coo_array(given)
    source, target = entries.coords
    return graph_by_depth(
        source, target, given.shape[0], weights=entries.data, function="from_scipy"
    )
