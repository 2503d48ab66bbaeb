"""Inference of the hierarchy of a graph's modules."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array

from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import NO_MODULE, Partition, labels_of
from netsculpt.hierarchy._quotient import described, end_names, in_form, quotient
from netsculpt.hierarchy.levels import flow_hierarchy, incoherence, levels, strong_components
from netsculpt.hierarchy.result import Hierarchy

__all__ = ["infer"]


def infer(graph: NetGraph, partition: Partition, *, form: str = "balanced") -> Hierarchy:
    r"""Find the hierarchy of a graph's modules.

    A module feeds another if an edge of any weight leads from a unit of the first to a unit of the
    second; edges to and from units without a module are ignored. Modules that feed each other,
    directly or around a cycle, are merged and reported, so that the result is a DAG. The level of a
    module is the length of the longest path to it. Where modules exchange edges by chance, as those
    of most ordinary networks do, that leaves one box: `ordered` tests the edges instead.

    Trophic levels h solve

    .. math:: (\operatorname{diag}(u) - W - W^\top)\, h = v

    on the module graph W (summed weights, in this `form`), with u = in- plus
    out-weight and v = in- minus out-weight of each module; the lowest of each connected part is 0.
    Their incoherence is
    Σ W_mn (h_n − h_m − 1)² / Σ W_mn: 0 if every edge climbs one level, 1 if all flow runs in
    cycles; NaN if no module feeds another. Flow hierarchy is the share of edges between modules
    that lie on no cycle, each counting 1; 1 without edges.

    A module's path share is the probability that an input→output path, drawn in proportion to the
    product of its |weights|, passes through the module: 1 − (path weight without the module's
    units) / (path weight), and 0 if all paths have weight 0. A path drawn from the inputs on moves
    from u to v with probability |w_uv| G_v / G_u, where G is the path weight from a unit to the
    outputs; only log G is computed, so that no depth overflows.

    Of balanced weights and of the pattern, nothing here changes if a unit's incoming weights are
    multiplied and its outgoing ones divided by the same number; of magnitudes, W does.

    Parameters
    ----------
    graph
        The network.
    partition
        Modules of its units [U]; −1 for none.
    form
        Form of the weights in W: "balanced", "pattern" or "magnitude". Paths are weighed by the
        weights of `graph` as they are.

    Returns
    -------
    Hierarchy
        Modules labelled as in ``Hierarchy.partition``, the partition after merging.

    Raises
    ------
    GraphError
        If the partition has another number of units, the form is unknown, or the weights cannot be
        balanced where that form is asked for.

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
    labels = labels_of(graph, partition)
    weighed = in_form(graph, form)
    given = quotient(weighed, labels, partition.n_modules)
    acyclic, merged = _merged(partition, given)
    edges = quotient(weighed, acyclic.labels, acyclic.n_modules)
    level = levels(edges)
    modules = tuple(
        replace(module, members=tuple(np.unique(members[members >= 0]).tolist()))
        for module in described(graph, acyclic, edges, level)
        for members in [partition.labels[acyclic.labels == module.label]]
    )
    return Hierarchy(
        acyclic,
        modules,
        edges,
        level,
        merged,
        flow_hierarchy(given),
        incoherence(given),
        end_names(graph),
    )


def _merged(
    partition: Partition, given: csr_array
) -> tuple[Partition, tuple[tuple[int, ...], ...]]:
    """The partition with each cycle of modules as one module, and the labels that were merged."""
    n_components, component = strong_components(given)
    if n_components == partition.n_modules:
        return partition, ()
    labels = partition.labels
    ends = np.cumsum(np.bincount(component, minlength=n_components))[:-1]
    groups = np.split(np.argsort(component, kind="stable"), ends)
    merged = sorted(tuple(group.tolist()) for group in groups if group.size > 1)
    new_labels = np.where(labels == NO_MODULE, NO_MODULE, component[labels])
    return Partition(new_labels, partition.method), tuple(merged)
