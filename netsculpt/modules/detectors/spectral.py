"""Modules of small n-cut by spectral clustering of the undirected graph of |weight|."""

from __future__ import annotations

from contextlib import AbstractContextManager

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from netsculpt.core.declared import slow_from, varies_with
from netsculpt.core.errors import GraphError
from netsculpt.core.numbers import checked_whole
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.graph.graph import NetGraph, live_units
from netsculpt.graph.partition import NO_MODULE, Partition
from netsculpt.modules.detectors._k_means import k_means
from netsculpt.modules.detectors._together import nodes_of
from netsculpt.modules.magnitudes import live_magnitudes
from netsculpt.modules.ncut import ncut
from netsculpt.modules.quality import quality

__all__ = ["spectral"]

_MOST_MODULES = 16  # tried if k is not given, unless there are more components
_NOTHING = 1e-30  # of the largest |weight|
_RESTARTS = 10  # of k-means
_DENSE = 600  # units up to which a dense solver is faster
_TOLERANCE = 1e-4  # of eigenvalues: a smaller one costs twice the time and moves no unit


@slow_from(20_000)
@varies_with("unit scales", "seed")
def spectral(
    graph: NetGraph,
    *,
    rng: RNG = None,
    k: int | None = None,
    together: ArrayLike | None = None,
) -> Partition:
    r"""Find k modules of small n-cut by normalised spectral clustering.

    The method of the clusterability papers. It ignores layers: on networks with weak modules it
    finds depth, so check `netsculpt.modules.layer_ami`.

    The live units that carry weight are nodes, \|weight\| is the undirected affinity A, D its row
    sums. The rows of the k leading eigenvectors of :math:`D^{-1/2} A D^{-1/2}` (the k smallest of
    L_sym), scaled to length 1, are clustered by k-means with many restarts. Eigenvectors are
    computed component by component, so that repeated eigenvalues are not missed. If the graph has
    k or more components, modules are whole components, balanced by volume: n-cut is 0.

    Parameters
    ----------
    graph
        The network. For the mask alone pass ``graph.pattern``.
    rng
        Seed or generator, for k-means and the eigensolver's initial vector.
    k
        Number of modules. None: the one of 1 … 16 (never fewer than components) with the highest
        layer-aware modularity, the smallest on a tie. n-cut itself favours few modules, and the
        largest eigengap finds planted modules less often.
    together
        Labels [U] of units that are one node (equal labels), −1 for others, as in `layered`: what
        a node's units send each other is its own affinity, so that n-cut is unchanged.

    Returns
    -------
    Partition
        −1 for dead units and for nodes whose edges all have weight 0; ``quality`` is the n-cut:
        lower is better.

    Raises
    ------
    GraphError
        If `k` is below 1 or above the number of nodes to cluster, or if `together` is not one label
        per unit.

    Notes
    -----
    Cost O(k E) per iteration of the eigensolver and O(k U) per iteration of k-means. Filan et al.,
    "Clusterability in neural networks", arXiv:2103.03386, section 2.

    Examples
    --------
    >>> from netsculpt.graph.synthetic import planted
    >>> graph, _ = planted([4, 4, 4], 2, 1.0, 0.0, rng=0)
    >>> spectral(graph, rng=0).labels.tolist()
    [0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1]
    """
    seed = root_seed(rng)
    live = live_units(graph)
    node_of = nodes_of(graph, live, together)
    affinity, nodes = _affinity(graph, live, node_of)
    if k is not None:
        checked_whole(k, "k")
    if k is not None and not 1 <= k <= nodes.size:
        each = "live units" if together is None else "sets of live units held together"
        raise GraphError(
            f"k is {k}: 1 … {nodes.size} is needed, the number of {each} of {graph!r} with weight"
        )
    component = _components(affinity)
    n_components = int(component.max(initial=-1)) + 1
    strength = np.asarray(affinity.sum(axis=1), dtype=np.float64)
    most = min(max(_MOST_MODULES, n_components), nodes.size)
    candidates = range(n_components, most + 1) if k is None else range(k, k + 1)
    partitions = []
    with _one_thread():
        vectors = _leading_eigenvectors(affinity, component, candidates[-1], seed)
        for n_modules in candidates:
            of_nodes = np.full(node_of.max(initial=-1) + 1, NO_MODULE, dtype=np.int64)
            if n_modules > n_components:
                of_nodes[nodes] = _clustered(vectors[:, :n_modules], seed)
            else:
                of_nodes[nodes] = _packed(component, strength, n_modules)
            labels = np.full(graph.n_units, NO_MODULE, dtype=np.int64)
            labels[live] = of_nodes[node_of]
            partitions.append(Partition(labels))
    # Rounding makes near ties equal, and max() returns the first of equals.
    best = max(partitions, key=lambda partition: round(quality(graph, partition), 12))
    return Partition(best.labels, "spectral", ncut(graph, best))


def _one_thread() -> AbstractContextManager[object]:
    """Context in which no library starts threads.

    Threads add in any order, and where eigenvalues are equal rounding decides on the vectors.
    """
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(1)
    return limits


def _affinity(
    graph: NetGraph, live: NDArray[np.bool_], node_of: NDArray[np.int32]
) -> tuple[csr_array, NDArray[np.intp]]:
    """Symmetric affinity [N, N] of the nodes with weight, and these nodes [N].

    `node_of` is the node of each live unit [n].
    """
    number = np.zeros(graph.n_units, dtype=np.int64)
    number[live] = node_of
    weight = live_magnitudes(graph, live)
    # Neither stored zeros nor weights that vanish next to the largest may join components.
    joined = weight > _NOTHING
    ends = number[graph.sources[joined]], number[graph.weights.indices[joined]]
    n_nodes = int(node_of.max(initial=-1)) + 1
    one_way = csr_array((weight[joined], ends), (n_nodes, n_nodes))
    affinity = csr_array(one_way + one_way.T)
    nodes = np.flatnonzero(np.diff(affinity.indptr))
    return affinity[nodes][:, nodes], nodes


def _components(affinity: csr_array) -> NDArray[np.int32]:
    """Connected component of each node [N]."""
    from scipy.sparse.csgraph import connected_components

    component: NDArray[np.int32] = connected_components(affinity, directed=False)[1]
    return component


def _leading_eigenvectors(
    affinity: csr_array, component: NDArray[np.int32], k: int, seed: int
) -> NDArray[np.float64]:
    """Eigenvectors [N, k] of the k largest eigenvalues, including the first of every component.

    A solver for the whole graph may miss copies of the eigenvalue 1, which each component has.
    """
    n_components = int(component.max(initial=-1)) + 1
    if k <= n_components:
        return np.zeros((component.size, 0))
    scale = 1 / np.sqrt(affinity.sum(axis=1))
    normalised = csr_array(affinity * scale[:, None] * scale)
    values, vectors = [], []
    for index in range(n_components):
        members = np.flatnonzero(component == index)
        wanted = min(members.size, k - n_components + 1)
        part = normalised[members][:, members]
        inside_values, inside = _largest(part, wanted, stream(seed, "eigenvectors", index))
        inside_values[0] = np.inf  # the eigenvalue 1, ahead of any that rounding lifts above it
        whole = np.zeros((component.size, wanted))
        whole[members] = inside
        values.append(inside_values)
        vectors.append(whole)
    order = np.argsort(-np.concatenate(values), kind="stable")[:k]
    return np.concatenate(vectors, axis=1)[:, order]


def _largest(
    matrix: csr_array, k: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The k largest eigenvalues [k], in descending order, and their vectors [n, k]."""
    from scipy.linalg import eigh
    from scipy.sparse.linalg import eigsh

    n = matrix.shape[0]
    if n <= _DENSE or k >= n - 1:
        values, vectors = eigh(matrix.toarray(), subset_by_index=(n - k, n - 1))
    else:
        # `rng` draws the initial vector and new ones where the Krylov space ends.
        values, vectors = eigsh(matrix, k, which="LA", tol=_TOLERANCE, rng=rng)
    order = np.argsort(-values)
    return values[order], vectors[:, order]


def _clustered(vectors: NDArray[np.float64], seed: int) -> NDArray[np.int32]:
    """Cluster of each row by k-means, k = number of columns [N]."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
    k = rows.shape[1]
    return k_means(rows, k, restarts=_RESTARTS, rng=stream(seed, "k-means", k))


def _packed(
    component: NDArray[np.int32], strength: NDArray[np.float64], k: int
) -> NDArray[np.intp]:
    """Module of each node [N]: whole components, largest first, each into the lightest of k."""
    volume = np.bincount(component, strength)
    load, module_of = np.zeros(k), np.zeros(volume.size, dtype=np.intp)
    for index in np.argsort(-volume, kind="stable"):
        module_of[index] = load.argmin()
        load[module_of[index]] += volume[index]
    return module_of[component]
