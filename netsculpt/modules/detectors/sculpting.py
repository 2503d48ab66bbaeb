"""Modules by Neural Sculpting: clusters of each layer, merged from the inputs up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netsculpt.core.declared import varies_with, without_weights
from netsculpt.core.errors import GraphError
from netsculpt.core.numbers import checked_fraction, checked_whole
from netsculpt.graph.graph import NetGraph, live_units
from netsculpt.graph.partition import NO_MODULE, Partition

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from netsculpt.core.random import RNG

__all__ = ["sculpting"]


@varies_with("unit order")
@without_weights
def sculpting(
    graph: NetGraph,
    *,
    rng: RNG = None,  # noqa: ARG001 - part of every detector's signature
    step_size: int | None = None,
    mm_threshold: float = 0.2,
    merge_threshold: float = 0.9,
) -> Partition:
    r"""Find the modules of a sculpted network.

    Units of a layer belong together if they feed the same units downstream; clusters of
    neighbouring layers are one module if they (almost) only feed each other. Made for networks
    pruned until only the structure of their task is left.

    1. Units on no input→output path are dropped; outputs stay.
    2. The feature of a unit is the 0/1 row of the units that it reaches within `step_size` edges.
    3. The units of each layer are clustered by average linkage on the cosine distance of their
       features; outputs stay separate. The number of clusters k minimises
       :math:`M(k) = \sum_c D_{cc} - (\sum_d D_{cd})^2` over 2 ≤ k ≤ n − 1, where :math:`D_{cd}`
       is the share of all pairwise distance that lies between clusters c and d.
    4. If k is 2 or n − 1, or the minimum is above −`mm_threshold`, two tests against the overlap
       of random rows may replace it by n (even the two closest units overlap no more than by
       chance) or by 1 (even the last two clusters overlap no less than by chance).
    5. A cluster joins the module of the first cluster below that sends it more than
       `merge_threshold` of the edges it receives, if these are also more than
       `merge_threshold` of the edges that the lower cluster sends (not required of outputs).
       Otherwise it starts a new module.

    Weights enter as pattern. On a chain of layers this is the published detector. Elsewhere
    features follow all blocks, including skip connections and wiring, one step each, and the
    shares in 5 are of a cluster's edges in all blocks.

    Parameters
    ----------
    graph
        The network.
    rng
        Not used: the result is deterministic.
    step_size
        Longest path, in edges, from a unit to the units of its feature. None: everything
        downstream.
    mm_threshold
        A minimum of M shallower than this is not trusted, 0 … 1.
    merge_threshold
        Share of edges, 0 … 1, above which clusters are one module (0.9 for Boolean tasks, 0.6
        for MNIST tasks in the paper).

    Returns
    -------
    Partition
        Modules of the live units, −1 for the others. Modules may span layers.

    Raises
    ------
    GraphError
        If `step_size` is below 1.

    Notes
    -----
    Time O(n² U) for a layer of n units with U downstream, memory O(n U + n²). Units of a
    layer at equal distances are merged in index order, so the result may depend on it.

    References
    ----------
    Patil, Michael and Dovrolis, "Neural Sculpting", NeurIPS 2023, arXiv:2305.18402.

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> two_functions = [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]
    >>> graph = from_matrices([two_functions, [[1, 1, 0, 0], [0, 0, 1, 1]]])
    >>> sculpting(graph).labels.tolist()
    [0, 0, 1, 1, 0, 0, 1, 1, 0, 1]
    """
    checked_fraction(mm_threshold, "mm_threshold")
    checked_fraction(merge_threshold, "merge_threshold")
    if step_size is not None:
        checked_whole(step_size, "step_size")
    if step_size is not None and step_size < 1:
        raise GraphError(f"step_size is {step_size}: at least 1 edge is needed")
    clusters = _layer_clusters(graph, step_size or len(graph.layers), mm_threshold)
    return Partition(_merged(graph, clusters, merge_threshold), "sculpting")


def _layer_clusters(graph: NetGraph, step_size: int, mm_threshold: float) -> NDArray[np.intp]:
    """Cluster of each unit before merging [U], numbered from the inputs up, −1 if dead."""
    from netsculpt.modules.detectors._row_clusters import row_clusters

    live = live_units(graph)
    live[graph.outputs] = True
    units = np.flatnonzero(live)
    pattern = graph.pattern.weights[units][:, units]
    layer_of = graph.layer_of[units]
    output_layers = set(graph.layer_of[graph.outputs].tolist())
    clusters = np.full(graph.n_units, NO_MODULE, dtype=np.intp)
    n_clusters = 0
    for layer in np.unique(layer_of).tolist():
        first, last = np.searchsorted(layer_of, [layer, layer + 1])
        if layer in output_layers:
            own = np.arange(last - first)
        else:
            reached = _reached(pattern, slice(first, last), step_size)
            within_reach = np.isin(layer_of, layer_of[reached.any(axis=0)])
            own = row_clusters(reached[:, within_reach], mm_threshold)
        clusters[units[first:last]] = own + n_clusters
        n_clusters += int(own.max()) + 1
    return clusters


def _reached(pattern: csr_array, units: slice, step_size: int) -> NDArray[np.bool_]:
    """Which units each of `units` reaches within `step_size` edges [n, U]."""
    frontier = pattern[units]
    reached = np.zeros(frontier.shape, dtype=bool)
    for _ in range(step_size):
        if not frontier.nnz:
            break
        reached[frontier.nonzero()] = True
        frontier = frontier @ pattern
        frontier.data[:] = 1  # else path counts overflow in deep networks
    return reached


def _merged(
    graph: NetGraph, clusters: NDArray[np.intp], merge_threshold: float
) -> NDArray[np.intp]:
    """Module of each unit [U]: that of the cluster which its own joins, or a new one."""
    n_clusters = int(clusters.max(initial=NO_MODULE)) + 1
    lower, upper = clusters[graph.sources], clusters[graph.weights.indices]
    live = (lower >= 0) & (upper >= 0)
    lower, upper = lower[live], upper[live]
    sent = np.bincount(lower, minlength=n_clusters)
    received = np.bincount(upper, minlength=n_clusters)
    pairs, edges = np.unique(upper * n_clusters + lower, return_counts=True)
    upper, lower = np.divmod(pairs, max(n_clusters, 1))
    is_output = np.isin(upper, clusters[graph.outputs])
    joins = edges / received[upper] > merge_threshold
    joins &= (edges / sent[lower] > merge_threshold) | is_output
    joining, first = np.unique(upper[joins], return_index=True)
    module = np.arange(n_clusters)
    for above, below in zip(joining, lower[joins][first], strict=True):
        module[above] = module[below]  # from the inputs up, so that `below` is final
    return np.append(module, NO_MODULE)[clusters]
