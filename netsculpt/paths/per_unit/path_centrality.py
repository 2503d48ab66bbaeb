"""Input→output paths through each unit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.graph import NetGraph
from netsculpt.paths._sweep import units_scaled, units_through

__all__ = ["path_centrality"]


def path_centrality(graph: NetGraph) -> NDArray[np.float64]:
    """Weight of the input→output paths through each unit.

    ``F_v G_v``, paths in times paths out (Sabrin & Dovrolis 2017, doi:10.1017/nws.2017.22). In a
    strictly layered network every layer has the same sum.

    Weights are swept as given, signs included: pass ``graph.pattern`` to count paths,
    ``graph.with_weights(graph.multiplicity)`` to count them by scalar parameters,
    ``graph.magnitude`` for Π|weight|.
    O(E).

    Returns
    -------
    Path weights [U]: counts on a pattern; 0 where there is no path.

    Raises
    ------
    LimitError
        If a path weight is beyond float64; `log10_path_centrality` has no such limit.

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[1.0, 4.0]])])
    >>> path_centrality(graph.pattern).tolist()
    [2.0, 1.0, 1.0, 2.0, 3.0]
    >>> path_centrality(graph).tolist()
    [9.0, 12.0, 1.0, 20.0, 21.0]
    """
    fast = units_through(graph)
    if fast is not None:
        return fast
    return units_scaled(graph).linear("path_centrality", "use log10_path_centrality")
