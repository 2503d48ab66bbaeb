"""Total weight of all input→output paths."""

from __future__ import annotations

from netsculpt.graph.graph import NetGraph
from netsculpt.paths._sweep import non_negative, total

__all__ = ["log10_path_total", "path_total"]


def path_total(graph: NetGraph) -> float:
    """Weight of all input→output paths.

    ``Σ_out F_v = Σ_in G_v``: the sum over all paths of the product of weights.
    Weights enter as given. O(E). Raises `LimitError` beyond float64: use `log10_path_total`.

    Examples
    --------
    >>> import numpy as np
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[1.0, 4.0]])])
    >>> path_total(graph.pattern), path_total(graph)
    (3.0, 21.0)
    """
    return float(total(graph).linear("path_total", "use log10_path_total"))


def log10_path_total(graph: NetGraph) -> float:
    """Decimal logarithm of `path_total`, for networks of any depth.

    A ResNet-50 at 90 % sparsity has 10^100 paths, a 256-layer network 10^327. Raises `GraphError`
    if a weight is negative. O(E).

    Examples
    --------
    >>> import numpy as np
    >>> from netsculpt.graph.matrices import from_matrices
    >>> log10_path_total(from_matrices([np.ones((10, 10))] * 400).pattern)
    401.0
    """
    return float(total(non_negative(graph, "log10_path_total")).log10())
