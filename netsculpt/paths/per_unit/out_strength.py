"""Weight out of each unit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.graph import NetGraph

__all__ = ["out_strength"]


def out_strength(graph: NetGraph) -> NDArray[np.float64]:
    """Sum of the weights out of each unit, ``Σ_v w_uv``.

    Weights are summed as given, signs included: pass ``graph.magnitude`` for Σ|weight|. O(E).

    Returns
    -------
    Sums of weights [U], added up in float64; 0 where there is no edge.

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[1.0, 4.0]])])
    >>> out_strength(graph).tolist()
    [3.0, 3.0, 1.0, 4.0, 0.0]
    """
    return np.asarray(graph.weights @ np.ones(graph.n_units))
