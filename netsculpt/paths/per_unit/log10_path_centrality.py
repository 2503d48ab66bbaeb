"""Input→output paths through each unit, as a logarithm."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.graph import NetGraph
from netsculpt.paths._sweep import non_negative, units_scaled

__all__ = ["log10_path_centrality"]


def log10_path_centrality(graph: NetGraph) -> NDArray[np.float64]:
    """Decimal logarithm of the weight of the input→output paths through each unit.

    `path_centrality` for networks of any depth: a 256-layer network has some 10^327 paths.

    Weights are swept as given and must not be negative: pass ``graph.pattern`` to count paths,
    ``graph.with_weights(graph.multiplicity)`` to count them by scalar parameters,
    ``graph.magnitude`` for Π|weight|.
    O(E).

    Returns
    -------
    log10 of path weights [U], −inf where there is no path.

    Raises
    ------
    GraphError
        If a weight is negative.

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[1.0, 4.0]])])
    >>> log10_path_centrality(graph.magnitude).round(3).tolist()
    [0.954, 1.079, 0.0, 1.301, 1.322]
    """
    return units_scaled(non_negative(graph, "log10_path_centrality")).log10()
