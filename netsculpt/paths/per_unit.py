"""Functions that return one number per unit: ``(graph) -> float64 [U]``.

Degrees and depth depend on the pattern alone: an edge of weight 0 is an edge. `netsculpt.paths`
says how weights enter the others, and which of them may raise an error.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.declared import varies_with
from netsculpt.core.slices import slices
from netsculpt.graph.graph import NetGraph
from netsculpt.paths._sweep import backward, forward, non_negative, units_scaled, units_through

__all__ = [
    "depth",
    "in_degree",
    "in_strength",
    "log10_path_centrality",
    "log10_paths_in",
    "log10_paths_out",
    "out_degree",
    "out_strength",
    "path_centrality",
    "path_share",
    "paths_in",
    "paths_out",
]


def depth(graph: NetGraph) -> NDArray[np.float64]:
    """Number of edges on the longest path from an input to each unit [U].

    0 at inputs without incoming edges, −1 at units that no input reaches. O(E).

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[1.0, 4.0]])])
    >>> depth(graph).tolist()
    [0.0, 0.0, 1.0, 1.0, 2.0]
    """
    edges = graph.weights
    deepest = np.full(graph.n_units, -1, dtype=np.int32)
    deepest[graph.inputs] = 0
    for layer in graph.layers:
        reached = deepest[layer.units] >= 0
        indptr = edges.indptr[layer.start : layer.stop + 1]
        targets = edges.indices[indptr[0] : indptr[-1]]
        degrees = np.diff(indptr)
        if not reached.all():
            targets = targets[np.repeat(reached, degrees)]
        steps = np.repeat(deepest[layer.units][reached] + 1, degrees[reached])
        np.maximum.at(deepest, targets, steps)
    return deepest.astype(np.float64)


def in_degree(graph: NetGraph) -> NDArray[np.float64]:
    """Number of edges into each unit [U]. O(E).

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[1.0, 4.0]])])
    >>> in_degree(graph).tolist()
    [0.0, 0.0, 1.0, 2.0, 2.0]
    """
    targets = graph.weights.indices
    degrees = np.zeros(graph.n_units)
    for part in slices(targets.size):  # bincount copies its argument as int64
        degrees += np.bincount(targets[part], minlength=graph.n_units)
    return degrees


@varies_with("unit scales")
def in_strength(graph: NetGraph) -> NDArray[np.float64]:
    """Sum of the weights into each unit [U], ``Σ_u w_uv``, signs included; 0 without edges. O(E).

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[1.0, 4.0]])])
    >>> in_strength(graph).tolist()
    [0.0, 0.0, 1.0, 5.0, 5.0]
    """
    return np.asarray(np.ones(graph.n_units) @ graph.weights)


def log10_path_centrality(graph: NetGraph) -> NDArray[np.float64]:
    """Decimal logarithm of `path_centrality` [U], for networks of any depth.

    Raises `GraphError` if a weight is negative. O(E).

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[1.0, 4.0]])])
    >>> log10_path_centrality(graph.magnitude).round(3).tolist()
    [0.954, 1.079, 0.0, 1.301, 1.322]
    """
    return units_scaled(non_negative(graph, "log10_path_centrality")).log10()


@varies_with("unit scales")
def log10_paths_in(graph: NetGraph) -> NDArray[np.float64]:
    """Decimal logarithm of `paths_in` [U], for networks of any depth.

    Raises `GraphError` if a weight is negative. O(E).

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[1.0, 4.0]])])
    >>> log10_paths_in(graph.magnitude).round(3).tolist()
    [0.0, 0.0, 0.0, 0.699, 1.322]
    """
    return forward(non_negative(graph, "log10_paths_in")).log10()


@varies_with("unit scales")
def log10_paths_out(graph: NetGraph) -> NDArray[np.float64]:
    """Decimal logarithm of `paths_out` [U], for networks of any depth.

    Raises `GraphError` if a weight is negative. O(E).

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[1.0, 4.0]])])
    >>> log10_paths_out(graph.magnitude).round(3).tolist()
    [0.954, 1.079, 0.0, 0.602, 0.0]
    """
    return backward(non_negative(graph, "log10_paths_out")).log10()


def out_degree(graph: NetGraph) -> NDArray[np.float64]:
    """Number of edges out of each unit [U]. O(U).

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[1.0, 4.0]])])
    >>> out_degree(graph).tolist()
    [2.0, 1.0, 1.0, 1.0, 0.0]
    """
    return np.diff(graph.weights.indptr).astype(np.float64)


@varies_with("unit scales")
def out_strength(graph: NetGraph) -> NDArray[np.float64]:
    """Sum of the weights out of each unit [U], ``Σ_v w_uv``, signs included; 0 without edges. O(E).

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[1.0, 4.0]])])
    >>> out_strength(graph).tolist()
    [3.0, 3.0, 1.0, 4.0, 0.0]
    """
    return np.asarray(graph.weights @ np.ones(graph.n_units))


def path_centrality(graph: NetGraph) -> NDArray[np.float64]:
    """Weight of the input→output paths through each unit [U]; 0 where there is none.

    ``F_v G_v``, `paths_in` times `paths_out` (Sabrin & Dovrolis 2017, doi:10.1017/nws.2017.22). In
    a strictly layered network every layer has the same sum. Weights enter as given. O(E).
    Raises `LimitError` beyond float64: use `log10_path_centrality`.

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


def path_share(graph: NetGraph) -> NDArray[np.float64]:
    """Share of the weight of all input→output paths that runs through each unit [U], 0 … 1.

    ``F_v G_v / Σ_out F``: `path_centrality` over `path_total`, for networks of any depth.
    Comparable between networks; a unit of share 1 is on every path. All 0 if the network has no
    path. Raises `GraphError` if a weight is negative. O(E).

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[1.0, 4.0]])])
    >>> path_share(graph.magnitude).round(3).tolist()
    [0.429, 0.571, 0.048, 0.952, 1.0]
    """
    graph = non_negative(graph, "path_share")
    before = forward(graph)
    shares = (before * backward(graph)).over(before[graph.outputs].sum())
    return np.minimum(shares, 1.0)  # rounding may exceed 1 by a bit


@varies_with("unit scales")
def paths_in(graph: NetGraph) -> NDArray[np.float64]:
    """Weight of the paths from the inputs to each unit [U]; 0 where there is none.

    ``F_v = [v is an input] + Σ_u F_u w_uv``: the sum over those paths of the product of weights.
    Weights enter as given. O(E).
    Raises `LimitError` beyond float64: use `log10_paths_in`.

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


@varies_with("unit scales")
def paths_out(graph: NetGraph) -> NDArray[np.float64]:
    """Weight of the paths from each unit [U] to the outputs; 0 where there is none.

    ``G_u = [u is an output] + Σ_v w_uv G_v``: the sum over those paths of the product of weights.
    Weights enter as given. O(E).
    Raises `LimitError` beyond float64: use `log10_paths_out`.

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
