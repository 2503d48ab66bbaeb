"""Paths from the inputs to each unit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.graph import NetGraph
from netsculpt.paths._sweep import forward

__all__ = ["paths_in"]


def paths_in(graph: NetGraph) -> NDArray[np.float64]:
    """Weight of the paths from the inputs to each unit.

    ``F_v = [v is an input] + Σ_u F_u w_uv``: the sum over those paths of the product of weights.

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
        If a path weight is beyond float64; `log10_paths_in` has no such limit.

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[1.0, 4.0]])])
    >>> paths_in(graph.pattern).tolist()
    [1.0, 1.0, 1.0, 2.0, 3.0]
    >>> paths_in(graph).tolist()
    [1.0, 1.0, 1.0, 5.0, 21.0]
    """
    return forward(graph).linear("paths_in", "use log10_paths_in")
