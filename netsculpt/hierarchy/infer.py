"""Inference of the hierarchy of a graph's modules."""

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
    strong_components,
    trophic_levels,
)
from netsculpt.hierarchy.reach import ends_reached, fed_outputs_without_module, path_shares
from netsculpt.hierarchy.result import Hierarchy, Module

__all__ = ["infer"]


def infer(graph: NetGraph, partition: Partition) -> Hierarchy:
    r"""Find the hierarchy of a graph's modules.

    A module feeds another if an edge of any weight leads from a unit of the first to a unit of the
    second; edges to and from units without a module are ignored. Modules that feed each other,
    directly or around a cycle, are merged and reported, so that the result is a DAG. The level of a
    module is the length of the longest path to it.

    Trophic levels h solve

    .. math:: (\operatorname{diag}(u) - W - W^\top)\, h = v

    on the module graph W (summed |weight|), with u = in- plus out-weight and v = in- minus
    out-weight of each module; the lowest of each connected part is 0. Their incoherence is
    Σ W_mn (h_n − h_m − 1)² / Σ W_mn: 0 if every edge climbs one level, 1 if all flow runs in
    cycles; 0 without edges. Flow hierarchy is the share of edges between modules that lie on no
    cycle, each counting 1; 1 without edges.

    A module's path share is the probability that an input→output path, drawn in proportion to the
    product of its |weights|, passes through the module: 1 − (path weight without the module's
    units) / (path weight), and 0 if all paths have weight 0. A path drawn from the inputs on moves
    from u to v with probability |w_uv| G_v / G_u, where G is the path weight from a unit to the
    outputs; only log G is computed, so that no depth overflows.

    Parameters
    ----------
    graph
        The network.
    partition
        Modules of its units [U]; −1 for none.

    Returns
    -------
    Hierarchy
        Modules labelled as in ``Hierarchy.partition``, the partition after merging.

    Raises
    ------
    GraphError
        If the partition has another number of units.

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
    >>> hierarchy = infer(graph, Partition([0, 1, 0, 1, 2]))
    >>> hierarchy.level.tolist(), [module.path_share for module in hierarchy.modules]
    ([0, 0, 1], [0.25, 0.75, 1.0])
    """
    quotient = _quotient(graph, labels_of(graph, partition), partition.n_modules)
    acyclic, merged = _merged(partition, quotient)
    edges = _quotient(graph, acyclic.labels, acyclic.n_modules)
    level = levels(edges)
    modules = tuple(
        replace(module, members=tuple(np.unique(members[members >= 0]).tolist()))
        for module in _modules(graph, acyclic, edges, level)
        for members in [partition.labels[acyclic.labels == module.label]]
    )
    return Hierarchy(
        acyclic,
        modules,
        edges,
        level,
        merged,
        flow_hierarchy(quotient),
        incoherence(quotient),
        _end_names(graph),
    )


def _quotient(graph: NetGraph, labels: NDArray[np.int32], n_modules: int) -> csr_array:
    """Summed |weight| from module to module [M, M], no diagonal; edges of weight 0 are stored."""
    source, target = labels[graph.sources], labels[graph.weights.indices]
    between = (source >= 0) & (target >= 0) & (source != target)
    weights = np.abs(graph.weights.data[between].astype(np.float64))
    ends = source[between], target[between]
    return csr_array(coo_array((weights, ends), shape=(n_modules, n_modules)))


def _merged(
    partition: Partition, quotient: csr_array
) -> tuple[Partition, tuple[tuple[int, ...], ...]]:
    """The partition with each cycle of modules as one module, and the labels that were merged."""
    n_components, component = strong_components(quotient)
    if n_components == partition.n_modules:
        return partition, ()
    labels = partition.labels
    ends = np.cumsum(np.bincount(component, minlength=n_components))[:-1]
    groups = np.split(np.argsort(component, kind="stable"), ends)
    merged = sorted(tuple(group.tolist()) for group in groups if group.size > 1)
    new_labels = np.where(labels == NO_MODULE, NO_MODULE, component[labels])
    return Partition(new_labels, partition.method), tuple(merged)


def _modules(
    graph: NetGraph, partition: Partition, edges: csr_array, level: NDArray[np.int64]
) -> tuple[Module, ...]:
    labels, n_modules = partition.labels, partition.n_modules
    n_layers = len(graph.layers)
    inside = labels != NO_MODULE
    in_layer = labels[inside].astype(np.int64) * n_layers + graph.layer_of[inside]
    by_layer = np.bincount(in_layer, minlength=n_modules * n_layers).reshape(n_modules, n_layers)
    sizes, trophic = partition.sizes, trophic_levels(edges)
    n_outputs = fed_outputs_without_module(graph, labels, n_modules)
    seen, served = ends_reached(graph, labels, n_modules)
    share = path_shares(graph, labels, n_modules)
    fed_by = edges.tocsc()
    modules = []
    for label in range(n_modules):
        feeds = edges.indices[edges.indptr[label] : edges.indptr[label + 1]].tolist()
        feeders = fed_by.indices[fed_by.indptr[label] : fed_by.indptr[label + 1]].tolist()
        modules.append(
            Module(
                label=label,
                n_units=int(sizes[label]),
                units_by_layer=tuple(by_layer[label].tolist()),
                level=int(level[label]),
                trophic_level=float(trophic[label]),
                reuse=len(feeds) + int(n_outputs[label]),
                feeds=tuple(feeds),
                fed_by=tuple(feeders),
                inputs_seen=tuple(seen[label].tolist()),
                outputs_served=tuple(served[label].tolist()),
                path_share=float(share[label]),
            )
        )
    return tuple(modules)


def _end_names(graph: NetGraph) -> dict[int, str]:
    ends = [*graph.inputs.tolist(), *graph.outputs.tolist()]
    return dict(zip(ends, unit_names(graph, ends), strict=True))
