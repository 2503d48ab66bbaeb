"""Paths from the inputs to each unit, as a logarithm."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.graph import NetGraph
from netsculpt.paths._sweep import forward, non_negative

__all__ = ["log10_paths_in"]


def log10_paths_in(graph: NetGraph) -> NDArray[np.float64]:
    """Decimal logarithm of the weight of the paths from the inputs to each unit.

    `paths_in` for networks of any depth: a 256-layer network has some 10^327 paths.

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
    >>> log10_paths_in(graph.magnitude).round(3).tolist()
    [0.0, 0.0, 0.0, 0.699, 1.322]
    """
    chosen = non_negative(graph, "log10_paths_in")
    return forward(chosen).log10()
