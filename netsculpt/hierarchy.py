"""The hierarchy of modules: which feeds which, at which level, and how often each is reused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.csgraph import connected_components

from netsculpt.errors import GraphError
from netsculpt.graph import Layer, NetGraph, unit_names
from netsculpt.partition import NO_MODULE, Partition

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Hierarchy", "Module", "infer"]

MOST_NAMED = 3  # labels of joined modules that a name spells out

_BITS: Final = 64  # modules swept together, one a bit of a word
_COLUMNS: Final = 16  # modules swept together, one a column of floats


@dataclass(frozen=True)
class Module:
    """One node of the hierarchy."""

    label: int  # in Hierarchy.partition
    n_units: int
    units_by_layer: tuple[int, ...]  # [L] units of the module in each layer
    level: int  # longest path from the sources of the hierarchy, 0 = fed by no module
    trophic_level: float  # MacKay et al. 2020, lowest = 0
    reuse: int  # distinct downstream modules it feeds, plus fed outputs without a module
    feeds: tuple[int, ...]  # their labels
    fed_by: tuple[int, ...]
    inputs_seen: tuple[int, ...]  # input units [U index] with a path into the module
    outputs_served: tuple[int, ...]  # output units [U index] that the module has a path to
    path_share: float  # share of all input→output path weight (magnitude) through the module, 0 … 1
    members: tuple[int, ...] = ()  # labels of the given partition that it holds: one unless merged

    @property
    def name(self) -> str:
        """Its label in the given partition; those that were joined as "0+2+5", long ones short."""
        labels = [str(label) for label in self.members or (self.label,)]
        short = (
            labels if len(labels) <= MOST_NAMED else [*labels[: MOST_NAMED - 1], "…", labels[-1]]
        )
        return "+".join(short)


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """A DAG of modules with levels."""

    partition: Partition  # after merging: labels [U] name the modules below
    modules: tuple[Module, ...]  # [M]
    edges: csr_array  # [M, M] summed |weight| from module to module, no diagonal
    level: NDArray[np.int64]  # [M]
    merged: tuple[tuple[int, ...], ...]  # given labels that feed each other and became one module
    flow_hierarchy: float  # of the quotient before merging: share of edges on no cycle, 0 … 1
    trophic_incoherence: float  # of the quotient before merging, 0 = perfectly layered … 1
    unit_names: Mapping[int, str] = field(default_factory=dict)  # of inputs and outputs, if known

    def table(self) -> pd.DataFrame:
        """One row a module, inputs and outputs counted."""
        import pandas as pd

        counted = {"inputs_seen", "outputs_served"}
        names = [x.name for x in fields(Module)]
        return pd.DataFrame(
            {
                f"n_{name}" if name in counted else name: [
                    len(getattr(module, name)) if name in counted else getattr(module, name)
                    for module in self.modules
                ]
                for name in names
            }
        )

    def summary(self) -> dict[str, Any]:
        """Plain numbers, strings and lists, JSON-able; inputs and outputs by name."""
        return {
            "n_modules": len(self.modules),
            "n_levels": int(self.level.max(initial=-1)) + 1,
            "flow_hierarchy": self.flow_hierarchy,
            "trophic_incoherence": self.trophic_incoherence,
            "merged": [list(group) for group in self.merged],
            "modules": [
                {
                    "label": module.label,
                    "n_units": module.n_units,
                    "units_by_layer": list(module.units_by_layer),
                    "level": module.level,
                    "trophic_level": module.trophic_level,
                    "reuse": module.reuse,
                    "feeds": list(module.feeds),
                    "fed_by": list(module.fed_by),
                    "inputs_seen": self._names(module.inputs_seen),
                    "outputs_served": self._names(module.outputs_served),
                    "path_share": module.path_share,
                    "members": list(module.members),
                }
                for module in self.modules
            ],
        }

    def _names(self, units: Iterable[int]) -> list[str]:
        return [self.unit_names.get(unit, str(unit)) for unit in units]


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
    >>> from netsculpt.matrices import from_matrices
    >>> graph = from_matrices([np.eye(2), np.array([[1.0, 3.0]])])
    >>> found = infer(graph, Partition([0, 1, 0, 1, 2]))
    >>> found.level.tolist(), [module.path_share for module in found.modules]
    ([0, 0, 1], [0.25, 0.75, 1.0])
    """
    if partition.labels.size != graph.n_units:
        raise GraphError(
            f"a partition of {partition.labels.size} units found: the graph has {graph.n_units}; "
            "detect modules on this graph"
        )
    given = _quotient(graph, partition.labels, partition.n_modules)
    found, merged = _merged(partition, given)
    edges = _quotient(graph, found.labels, found.n_modules)
    level = _levels(edges)
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
        _flow_hierarchy(given),
        _incoherence(given),
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
    n_found, joined = _strong(given)
    if n_found == partition.n_modules:
        return partition, ()
    labels = partition.labels
    ends = np.cumsum(np.bincount(joined, minlength=n_found))[:-1]
    groups = np.split(np.argsort(joined, kind="stable"), ends)
    merged = sorted(tuple(group.tolist()) for group in groups if group.size > 1)
    joined_labels = np.where(labels == NO_MODULE, NO_MODULE, joined[labels])
    return Partition(joined_labels, partition.method), tuple(merged)


def _strong(edges: csr_array) -> tuple[int, NDArray[np.int32]]:
    if edges.shape[0] == 0:
        return 0, np.zeros(0, dtype=np.int32)
    pattern = csr_array((np.ones(edges.nnz), edges.indices, edges.indptr), edges.shape)
    n_found, found = connected_components(pattern, directed=True, connection="strong")
    return n_found, found


def _levels(edges: csr_array) -> NDArray[np.int64]:
    """Longest path to each module [M]: the last round in which a walk still arrives there."""
    level = np.zeros(edges.shape[0], dtype=np.int64)
    reached, at = np.arange(level.size), 0
    while (reached := np.unique(edges[reached].indices)).size:
        at += 1
        level[reached] = at
    return level


def _flow_hierarchy(edges: csr_array) -> float:
    if edges.nnz == 0:
        return 1.0
    _, component = _strong(edges)
    ends = edges.tocoo()
    return float(np.mean(component[ends.row] != component[ends.col]))


def _trophic_levels(edges: csr_array) -> NDArray[np.float64]:
    """Solve diag(u) − W − Wᵀ for h [M], the lowest of each connected part at 0."""
    from scipy.sparse.linalg import spsolve

    level = np.zeros(edges.shape[0])
    weights = _carrying(edges)
    if weights.nnz == 0:
        return level
    n_parts, part = connected_components(weights, directed=False)
    _, grounded = np.unique(part, return_index=True)  # h is free by a constant in each part
    solved = np.setdiff1d(np.arange(level.size), grounded)
    inflow, outflow = weights.sum(axis=0), weights.sum(axis=1)
    matrix = csr_array(diags_array(inflow + outflow) - weights - weights.T)
    level[solved] = spsolve(matrix[solved][:, solved].tocsc(), (inflow - outflow)[solved])
    lowest = np.full(n_parts, np.inf)
    np.minimum.at(lowest, part, level)
    level -= lowest[part]
    return level


def _incoherence(edges: csr_array) -> float:
    weights = _carrying(edges)
    if weights.nnz == 0:
        return 0.0
    level, ends = _trophic_levels(edges), weights.tocoo()
    return float(np.average((level[ends.col] - level[ends.row] - 1.0) ** 2, weights=ends.data))


def _carrying(edges: csr_array) -> csr_array:
    """Only edges that weigh something, the heaviest 1: others pull no level."""
    ends = edges.tocoo()
    carries = ends.data > 0
    data = ends.data[carries] / ends.data.max(initial=0.0)
    return csr_array(coo_array((data, (ends.row[carries], ends.col[carries])), shape=ends.shape))


def _modules(
    graph: NetGraph, partition: Partition, edges: csr_array, level: NDArray[np.int64]
) -> tuple[Module, ...]:
    labels, n_modules = partition.labels, partition.n_modules
    n_layers = len(graph.layers)
    inside = labels != NO_MODULE
    in_layer = labels[inside].astype(np.int64) * n_layers + graph.layer_of[inside]
    by_layer = np.bincount(in_layer, minlength=n_modules * n_layers).reshape(n_modules, n_layers)
    sizes, trophic = partition.sizes, _trophic_levels(edges)
    n_bare = _fed_outputs_without_module(graph, labels, n_modules)
    seen, served = _ends_reached(graph, labels, n_modules)
    share = _path_shares(graph, labels, n_modules)
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


def _fed_outputs_without_module(
    graph: NetGraph, labels: NDArray[np.int32], n_modules: int
) -> NDArray[np.int64]:
    """Outputs labelled −1 that an edge leads to from each module [M]."""
    bare = np.zeros(graph.n_units, dtype=bool)
    bare[graph.outputs] = True
    bare &= labels == NO_MODULE
    source, target = labels[graph.sources], graph.weights.indices
    fed = (source != NO_MODULE) & bare[target]
    pairs = np.unique(source[fed].astype(np.int64) * graph.n_units + target[fed])
    return np.bincount(pairs // max(graph.n_units, 1), minlength=n_modules)


def _ends_reached(
    graph: NetGraph, labels: NDArray[np.int32], n_modules: int
) -> tuple[list[NDArray[np.intp]], list[NDArray[np.intp]]]:
    """Inputs with a path into each module, and outputs that it has a path to [M]."""
    turned = csr_array(graph.weights.T)
    seen, served = [], []
    for first in range(0, n_modules, _BITS):
        bits = np.arange(min(_BITS, n_modules - first), dtype=np.uint64)
        own = np.zeros(graph.n_units, dtype=np.uint64)
        chosen = (labels >= first) & (labels < first + bits.size)
        own[chosen] = np.uint64(1) << (labels[chosen] - first).astype(np.uint64)
        before = _joined(graph.weights, reversed(graph.layers), own)[graph.inputs]
        after = _joined(turned, graph.layers, own)[graph.outputs]
        seen += [graph.inputs[(before >> bit) & np.uint64(1) == 1] for bit in bits]
        served += [graph.outputs[(after >> bit) & np.uint64(1) == 1] for bit in bits]
    return seen, served


def _joined(
    rows: csr_array, layers: Iterable[Layer], own: NDArray[np.uint64]
) -> NDArray[np.uint64]:
    """Bits of each unit and of all that its rows lead to [U]."""
    words = own.copy()
    for layer in layers:
        starts, edges = _row_starts(rows, layer)
        filled = np.flatnonzero(np.diff(starts))
        if filled.size:
            found = np.bitwise_or.reduceat(words[rows.indices[edges]], starts[filled])
            words[layer.start + filled] |= found
    return words


def _path_shares(graph: NetGraph, labels: NDArray[np.int32], n_modules: int) -> NDArray[np.float64]:
    """Chance that a path drawn by its weight meets each module [M]."""
    log_after, moves = _drawn_paths(graph)
    log_start = log_after[graph.inputs]
    most = log_start.max(initial=-np.inf)
    if most == -np.inf:
        return np.zeros(n_modules)
    start = np.exp(log_start - most)
    share = np.zeros(n_modules)
    for first in range(0, n_modules, _COLUMNS):
        column = np.arange(first, min(first + _COLUMNS, n_modules))
        meets = (labels[:, None] == column).astype(np.float64)
        for layer in reversed(graph.layers):
            starts, edges = _row_starts(graph.weights, layer)
            rows = (moves[edges], graph.weights.indices[edges], starts)
            later = csr_array(rows, (layer.n_units, graph.n_units)) @ meets
            meets[layer.units] = np.where(meets[layer.units] > 0, 1.0, later)
        share[column] = start @ meets[graph.inputs] / start.sum()
    return np.minimum(share, 1.0)


def _drawn_paths(graph: NetGraph) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log path weight from each unit to the outputs [U], chance of each edge at its source [E]."""
    weights = graph.weights
    with np.errstate(divide="ignore"):
        log_weight = np.log(np.abs(weights.data.astype(np.float64)))
    log_after = np.full(graph.n_units, -np.inf)
    log_after[graph.outputs] = 0.0
    moves = np.zeros(graph.n_edges)
    for layer in reversed(graph.layers):
        starts, edges = _row_starts(weights, layer)
        filled = np.flatnonzero(np.diff(starts))
        if not filled.size:
            continue
        log_edge = log_weight[edges] + log_after[weights.indices[edges]]
        found = np.logaddexp.reduceat(log_edge, starts[filled])
        own = log_after[layer.units]
        own[filled] = np.logaddexp(own[filled], found)
        # Of a unit without path weight all edges are −inf: subtract nothing from them.
        moves[edges] = np.exp(log_edge - np.repeat(np.maximum(own, -1e300), np.diff(starts)))
    return log_after, moves


def _row_starts(rows: csr_array, layer: Layer) -> tuple[NDArray[np.int32], slice]:
    """A layer's row pointers, from 0, and its part of the edge arrays."""
    pointers = rows.indptr[layer.start : layer.stop + 1]
    return pointers - pointers[0], slice(int(pointers[0]), int(pointers[-1]))


def _end_names(graph: NetGraph) -> dict[int, str]:
    ends = [*graph.inputs.tolist(), *graph.outputs.tolist()]
    return dict(zip(ends, unit_names(graph, ends), strict=True))
