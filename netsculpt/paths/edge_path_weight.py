"""Weight of the input→output paths through each edge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.graph import NetGraph
from netsculpt.paths._sweep import edges_scaled, non_negative, weights_through

__all__ = ["edge_path_weight", "log10_edge_path_weight"]


def edge_path_weight(graph: NetGraph) -> NDArray[np.float64]:
    """Weight of the input→output paths through each edge.

    ``F_u w_uv G_v`` for the edge (u, v): the sum over those paths of the product of weights. In
    a strictly layered network the edges between any two layers sum to `path_total`. Weights enter
    as given. O(E), in which `path_weights` gives those of the units too. Raises `LimitError` beyond
    float64: use `log10_edge_path_weight`.

    Returns
    -------
    Path weights [E], in the order of ``graph.weights.data``; 0 where there is no path.

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[1.0, 4.0]])])
    >>> edge_path_weight(graph.pattern).tolist()
    [1.0, 1.0, 1.0, 1.0, 2.0]
    >>> edge_path_weight(graph).tolist()
    [1.0, 8.0, 12.0, 1.0, 20.0]
    """
    fast = weights_through(graph)
    if fast is not None:
        return fast[1]
    through = np.empty(graph.n_edges)
    for edges, part in edges_scaled(graph):
        through[edges] = part.linear("edge_path_weight", "use log10_edge_path_weight")
    return through


def log10_edge_path_weight(graph: NetGraph) -> NDArray[np.float64]:
    """Decimal logarithm of `edge_path_weight` [E], for networks of any depth.

    Raises `GraphError` if a weight is negative. O(E).

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[1.0, 4.0]])])
    >>> log10_edge_path_weight(graph.magnitude).round(3).tolist()
    [0.0, 0.903, 1.079, 0.0, 1.301]
    """
    through = np.empty(graph.n_edges)
    for edges, part in edges_scaled(non_negative(graph, "log10_edge_path_weight")):
        through[edges] = part.log10()
    return through
