"""Paths from each unit to the outputs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.graph import NetGraph
from netsculpt.paths._sweep import backward

__all__ = ["paths_out"]


def paths_out(graph: NetGraph) -> NDArray[np.float64]:
    """Weight of the paths from each unit to the outputs.

    ``G_u = [u is an output] + Σ_v w_uv G_v``: the sum over those paths of the product of weights.

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
        If a path weight is beyond float64; `log10_paths_out` has no such limit.

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[1.0, 4.0]])])
    >>> paths_out(graph.pattern).tolist()
    [2.0, 1.0, 1.0, 1.0, 1.0]
    >>> paths_out(graph).tolist()
    [9.0, 12.0, 1.0, 4.0, 1.0]
    """
    return backward(graph).linear("paths_out", "use log10_paths_out")
