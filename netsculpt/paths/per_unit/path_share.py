"""Share of all input→output paths that run through each unit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.graph import NetGraph
from netsculpt.paths._sweep import backward, forward, non_negative

__all__ = ["path_share"]


def path_share(graph: NetGraph) -> NDArray[np.float64]:
    """Share of the weight of all input→output paths that runs through each unit.

    ``F_v G_v / Σ_out F``: `path_centrality` over the total, for networks of any depth. Comparable
    between networks; a unit of share 1 cuts every path.

    Weights are swept as given and must not be negative: pass ``graph.pattern`` to count paths,
    ``graph.with_weights(graph.multiplicity)`` to count them by scalar parameters,
    ``graph.magnitude`` for Π|weight|.
    O(E).

    Returns
    -------
    Fractions [U], 0 … 1; all 0 if the network has no path.

    Raises
    ------
    GraphError
        If a weight is negative.

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[1.0, 4.0]])])
    >>> path_share(graph.magnitude).round(3).tolist()
    [0.429, 0.571, 0.048, 0.952, 1.0]
    """
    chosen = non_negative(graph, "path_share")
    before = forward(chosen)
    shares = (before * backward(chosen)).over(before[graph.outputs].sum())
    return np.minimum(shares, 1.0)  # the last bit of a rounded quotient may pass 1
