"""The hierarchy of modules: which feeds which, at which level, and how often each is reused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from netsculpt.graph.graph import NetGraph, unit_names
from netsculpt.graph.partition import NO_MODULE, Partition, labels_of
from netsculpt.hierarchy.levels import (
    flow_hierarchy,
    incoherence,
    levels,
    strong,
    trophic_levels,
)
from netsculpt.hierarchy.reach import ends_reached, fed_outputs_without_module, path_shares
from netsculpt.hierarchy.result import Hierarchy, Module

__all__ = ["infer"]


def infer(graph: NetGraph, partition: Partition) -> Hierarchy:
    r"""Find the hierarchy of a graph's modules.

    A module feeds another if an edge leads from a unit of the one to a unit of the other, however
    little it weighs; edges to and from units without a module count for no module. Modules that
    feed each other, directly or around a cycle, are merged and reported, so the rest is a DAG. The
    level of a module is its longest path from modules that no module feeds.

    Trophic levels h solve

    .. math:: (\operatorname{diag}(u) - W - W^\top)\, h = v

    on the module graph W (summed |weight|), with u = in- plus out-weight and v = in- minus
    out-weight of each module; the lowest of each connected part is 0. Their incoherence is
    Σ W_mn (h_n − h_m − 1)² / Σ W_mn: 0 where every edge climbs one level, 1 where all flow is
    in circles; 0 without edges. Flow hierarchy is the share of edges between modules that lie on
    no cycle, each counting 1; 1 without edges.

    A module's path share is the chance that an input→output path, drawn in proportion to the
    product of its |weights|, meets a unit of the module: 1 − (path weight without the module's
    units) / (path weight), 0 where all paths weigh 0. Drawn from the input on, a path moves from
    u to v with probability |w_uv| G_v / G_u, where G is the path weight from a unit to the outputs;
    only log G is formed, so that no depth overflows.

    Parameters
    ----------
    graph
        The network.
    partition
        Modules of its units [U]. Units labelled −1 belong to none.

    Returns
    -------
    Hierarchy
        Modules labelled as in ``Hierarchy.partition``, the given partition after merging.

    Raises
    ------
    GraphError
        If the partition is of another number of units.

    Notes
    -----
    Cost O(E · M) with a small constant, M = number of modules.

    References
    ----------
    R. S. MacKay, S. Johnson, B. Sansom, How directed is a directed network?, 2020,
    doi:10.1098/rsos.201138 (arXiv:2001.05173), section 2: Λh = v and F₀. J. Luo, C. L. Magee,
    Detecting evolving patterns of self-organizing networks by flow hierarchy measurement, 2011,
    doi:10.1002/cplx.20368.

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.eye(2), np.array([[1.0, 3.0]])])
    >>> found = infer(graph, Partition([0, 1, 0, 1, 2]))
    >>> found.level.tolist(), [module.path_share for module in found.modules]
    ([0, 0, 1], [0.25, 0.75, 1.0])
    """
    given = _quotient(graph, labels_of(graph, partition), partition.n_modules)
    found, merged = _merged(partition, given)
    edges = _quotient(graph, found.labels, found.n_modules)
    level = levels(edges)
    modules = tuple(
        replace(module, members=tuple(np.unique(held[held >= 0]).tolist()))
        for module in _modules(graph, found, edges, level)
        for held in [partition.labels[found.labels == module.label]]
    )
    return Hierarchy(
        found,
        modules,
        edges,
        level,
        merged,
        flow_hierarchy(given),
        incoherence(given),
        _end_names(graph),
    )


def _quotient(graph: NetGraph, labels: NDArray[np.int32], n_modules: int) -> csr_array:
    """Summed |weight| from module to module, no diagonal [M, M]; edges of weight 0 are entries."""
    source, target = labels[graph.sources], labels[graph.weights.indices]
    between = (source >= 0) & (target >= 0) & (source != target)
    weights = np.abs(graph.weights.data[between].astype(np.float64))
    ends = source[between], target[between]
    return csr_array(coo_array((weights, ends), shape=(n_modules, n_modules)))


def _merged(
    partition: Partition, given: csr_array
) -> tuple[Partition, tuple[tuple[int, ...], ...]]:
    """The partition with each cycle of modules as one module, and the labels that were joined."""
    n_found, joined = strong(given)
    if n_found == partition.n_modules:
        return partition, ()
    labels = partition.labels
    ends = np.cumsum(np.bincount(joined, minlength=n_found))[:-1]
    groups = np.split(np.argsort(joined, kind="stable"), ends)
    merged = sorted(tuple(group.tolist()) for group in groups if group.size > 1)
    joined_labels = np.where(labels == NO_MODULE, NO_MODULE, joined[labels])
    return Partition(joined_labels, partition.method), tuple(merged)


def _modules(
    graph: NetGraph, partition: Partition, edges: csr_array, level: NDArray[np.int64]
) -> tuple[Module, ...]:
    labels, n_modules = partition.labels, partition.n_modules
    n_layers = len(graph.layers)
    inside = labels != NO_MODULE
    in_layer = labels[inside].astype(np.int64) * n_layers + graph.layer_of[inside]
    by_layer = np.bincount(in_layer, minlength=n_modules * n_layers).reshape(n_modules, n_layers)
    sizes, trophic = partition.sizes, trophic_levels(edges)
    n_bare = fed_outputs_without_module(graph, labels, n_modules)
    seen, served = ends_reached(graph, labels, n_modules)
    share = path_shares(graph, labels, n_modules)
    fed_by = edges.tocsc()
    found = []
    for at in range(n_modules):
        feeds = edges.indices[edges.indptr[at] : edges.indptr[at + 1]].tolist()
        found.append(
            Module(
                label=at,
                n_units=int(sizes[at]),
                units_by_layer=tuple(by_layer[at].tolist()),
                level=int(level[at]),
                trophic_level=float(trophic[at]),
                reuse=len(feeds) + int(n_bare[at]),
                feeds=tuple(feeds),
                fed_by=tuple(fed_by.indices[fed_by.indptr[at] : fed_by.indptr[at + 1]].tolist()),
                inputs_seen=tuple(seen[at].tolist()),
                outputs_served=tuple(served[at].tolist()),
                path_share=float(share[at]),
            )
        )
    return tuple(found)


def _end_names(graph: NetGraph) -> dict[int, str]:
    ends = [*graph.inputs.tolist(), *graph.outputs.tolist()]
    return dict(zip(ends, unit_names(graph, ends), strict=True))
