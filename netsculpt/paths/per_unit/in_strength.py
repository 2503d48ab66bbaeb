"""Weight into each unit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.graph import NetGraph

__all__ = ["in_strength"]


def in_strength(graph: NetGraph) -> NDArray[np.float64]:
    """Sum of the weights into each unit, ``Σ_u w_uv``.

    Weights are summed as given, signs included: pass ``graph.magnitude`` for Σ|weight|. O(E).

    Returns
    -------
    Sums of weights [U], added up in float64; 0 where there is no edge.

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[1.0, 4.0]])])
    >>> in_strength(graph).tolist()
    [0.0, 0.0, 1.0, 5.0, 5.0]
    """
    return np.asarray(np.ones(graph.n_units) @ graph.weights)
