"""Conversion of graphs to and from objects of other libraries."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Final, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.core.errors import GraphError
from netsculpt.core.extras import require
from netsculpt.core.provenance import Step, step
from netsculpt.graph.description import description, read_description
from netsculpt.graph.graph import Block, Layer, NetGraph, Role, unit_names

if TYPE_CHECKING:
    import igraph
    import networkx as nx

__all__ = ["block_of", "from_networkx", "to_igraph", "to_networkx", "to_scipy", "unit_columns"]

_DESCRIPTION: Final = "netsculpt"  # graph attribute: layers, blocks, provenance, dtypes as JSON
_WEIGHTS: Final = {"float32", "float64"}
_OF_ATTRIBUTE: Final = re.compile("[<|]([iu][1248]|f[48]|b1|U[0-9]{1,9})")
_ROLES: Final = frozenset(get_args(Role))
_COUNTS: Final = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}


def to_networkx(graph: NetGraph) -> nx.DiGraph[int]:
    """The graph as a networkx DiGraph.

    Nodes are unit indices with the attributes ``name``, ``layer``, ``role``, ``position`` (index in
    the model's layer) and the graph's own `attributes`. Edges have the signed ``weight``, its
    ``magnitude``, ``kind``, and where they exist ``parameter``, ``multiplicity`` and ``scalars``.
    All attributes are plain strings and numbers, so networkx can write them to its formats. Cost
    O(E).

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> other = to_networkx(from_matrices([np.array([[0.5, -2.0]])]))
    >>> other.nodes[2]
    {'name': 'output[0]', 'layer': 'output', 'role': 'output', 'position': 0}
    >>> other.edges[1, 2]
    {'weight': -2.0, 'magnitude': 2.0, 'kind': 'linear', 'parameter': 'W1'}
    """
    require("networkx", "to_networkx")
    import networkx as nx

    content = description(graph)
    content["weight_dtype"] = graph.weights.dtype.name
    other: nx.DiGraph[int] = nx.DiGraph()
    columns = unit_columns(graph)
    for unit, values in enumerate(zip(*columns.values(), strict=True)):
        other.add_node(unit, **dict(zip(columns, values, strict=True)))
    of_block: list[dict[str, Any]] = [
        {"kind": block.kind}
        if block.parameter is None
        else {"kind": block.kind, "parameter": block.parameter}
        for block in graph.blocks
    ]
    arrays = graph.sources, graph.weights.indices, graph.weights.data, block_of(graph)
    edges = zip(*(array.tolist() for array in arrays), strict=True)
    for source, target, weight, block in edges:
        other.add_edge(source, target, weight=weight, magnitude=abs(weight), **of_block[block])
    if graph.multiplicity is not None:
        content["multiplicity_dtype"] = graph.multiplicity.dtype.name
        counts = dict(zip(other.edges, graph.multiplicity.tolist(), strict=True))
        nx.set_edge_attributes(other, counts, "multiplicity")
    if graph.scalars is not None:
        content["scalars"] = True
        numbers = dict(zip(other.edges, graph.scalars.tolist(), strict=True))
        nx.set_edge_attributes(other, numbers, "scalars")
    if graph.attributes:
        content["attributes"] = {name: x.dtype.str for name, x in graph.attributes.items()}
    other.graph[_DESCRIPTION] = json.dumps(content)
    return other


def from_networkx(other: nx.DiGraph[Any]) -> NetGraph:
    """A networkx DiGraph as a graph.

    A result of `to_networkx` is converted back exactly, without the nodes and edges that have been
    removed from it. Where every node has a ``layer`` and a ``role``, as in the files that
    `netsculpt.export` writes, these are the layers, in the order of the nodes; edges may have a
    ``kind``, nodes a ``position``. In any other directed acyclic graph the layer of a node is its
    longest distance from the nodes without predecessors (the input layer); all nodes without
    successors form the last layer, the output. The weight of an edge is its attribute ``weight``,
    by default 1.

    Then `positions` gives the node of each unit: ``list(other)[graph.positions[unit]]``.
    Cost O(E).

    Raises
    ------
    GraphError
        If the graph is undirected, a multigraph or cyclic, or a weight is not a finite number.

    Examples
    --------
    >>> import networkx as nx
    >>> graph = from_networkx(nx.DiGraph([("c", "b"), ("a", "b"), ("a", "c")]))
    >>> graph
    NetGraph(1-1-1: 3 units, 3 edges)
    >>> [["c", "b", "a"][index] for index in graph.positions]
    ['a', 'c', 'b']
    """
    if not other.is_directed() or other.is_multigraph():
        raise GraphError(
            f"a {type(other).__name__} found, a DiGraph needed: direct its edges from input to "
            "output and merge parallel ones"
        )
    layout = _layout(other)
    order = np.argsort(layout.layer_of, kind="stable")
    unit = np.empty_like(order)
    unit[order] = np.arange(order.size)
    index = {node: row for row, node in zip(unit.tolist(), other, strict=True)}
    sources = np.fromiter((index[node] for node, _ in other.edges), dtype=np.int64)
    targets = np.fromiter((index[node] for _, node in other.edges), dtype=np.int64)
    by_source = np.lexsort((targets, sources))
    weights = _numbers([w for _, _, w in other.edges(data="weight", default=1.0)])[by_source]
    indptr = np.concatenate([[0], np.cumsum(np.bincount(sources, minlength=order.size))])
    multiplicity = None
    if layout.multiplicity_dtype is not None:
        counts = [x.get("multiplicity") for *_, x in other.edges(data=True)]
        multiplicity = _whole("multiplicity", counts, layout.multiplicity_dtype)[by_source]
    scalars = None
    if layout.has_scalars:
        numbers = [x.get("scalars") for *_, x in other.edges(data=True)]
        scalars = _whole("scalars", numbers, "int32")[by_source]
    return NetGraph(
        csr_array(
            (weights.astype(layout.weight_dtype), targets[by_source], indptr),
            (order.size, order.size),
        ),
        multiplicity,
        layout.layers,
        layout.blocks,
        layout.provenance,
        layout.positions[order],
        scalars,
        {name: values[order] for name, values in layout.attributes.items()},
    )


def to_igraph(graph: NetGraph) -> igraph.Graph:
    """The graph as a directed igraph Graph; vertex ids are unit indices.

    Vertices have ``name``, ``layer``, ``role``, ``position`` and the graph's `attributes`; edges
    have the signed ``weight``, its ``magnitude`` and ``multiplicity`` (if the graph has it), in the
    order of the arrays [E]. Cost O(E), about 0.1 µs per edge: igraph reads pairs from an iterator
    five times faster than from an array.

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> other = to_igraph(from_matrices([np.array([[0.5, -2.0]])]))
    >>> other.get_edgelist(), other.es["weight"], other.vs["name"]
    ([(0, 2), (1, 2)], [0.5, -2.0], ['input[0]', 'input[1]', 'output[0]'])
    """
    require("igraph", "to_igraph")
    import igraph

    edges = zip(graph.sources.data, graph.weights.indices.data, strict=True)
    other = igraph.Graph(n=graph.n_units, edges=edges, directed=True)
    for name, values in unit_columns(graph).items():
        other.vs[name] = values
    other.es["weight"] = graph.weights.data.tolist()
    other.es["magnitude"] = np.abs(graph.weights.data).tolist()
    if graph.multiplicity is not None:
        other.es["multiplicity"] = graph.multiplicity.tolist()
    return other


def to_scipy(graph: NetGraph) -> csr_array:
    """A copy of the weights [U, U] as a sparse array, row = source; stored zeros are kept."""
    copy: csr_array = graph.weights.copy()
    return copy


def unit_columns(graph: NetGraph) -> dict[str, list[Any]]:
    """Name, layer, role, position in the model's layer, and attributes, of each unit [U]."""
    assert graph.positions is not None  # filled in by the constructor
    layers = [graph.layers[index] for index in graph.layer_of]
    return {
        "name": unit_names(graph),
        "layer": [layer.name for layer in layers],
        "role": [layer.role for layer in layers],
        "position": graph.positions.tolist(),
        **{name: values.tolist() for name, values in graph.attributes.items()},
    }


def block_of(graph: NetGraph) -> NDArray[np.int32]:
    """Index in ``graph.blocks`` of each edge's block [E]."""
    indices = np.empty(graph.n_edges, dtype=np.int32)
    for index, block in enumerate(graph.blocks):
        indices[graph.block_edges(block.source, block.target)] = index
    return indices


def _layout(other: nx.DiGraph[Any]) -> _Layout:
    if _DESCRIPTION in other.graph:
        return _stored_layout(other)
    nodes = [attributes for _, attributes in other.nodes(data=True)]
    if nodes and all(isinstance(x.get("layer"), str) and x.get("role") in _ROLES for x in nodes):
        return _layout_by_names(other)
    return _layout_by_depth(other)


@dataclass(frozen=True, eq=False)
class _Layout:
    """Layers and blocks of a networkx graph, with its nodes in their own order."""

    layer_of: NDArray[np.int64]  # [nodes]
    positions: NDArray[np.int32]  # [nodes]
    layers: tuple[Layer, ...]
    blocks: tuple[Block, ...]
    provenance: tuple[Step, ...]
    weight_dtype: str = "float64"
    multiplicity_dtype: str | None = None  # None: no multiplicity
    has_scalars: bool = False  # whether edges say which of them share scalars
    attributes: Mapping[str, NDArray[Any]] = field(default_factory=dict)  # name → [nodes]


def _stored_layout(other: nx.DiGraph[Any]) -> _Layout:
    try:
        content = json.loads(other.graph[_DESCRIPTION])
        layers, blocks, provenance = read_description(content)
    except (TypeError, ValueError, RecursionError) as error:
        raise GraphError(
            f"the graph's attribute {_DESCRIPTION!r} is not what to_networkx writes ({error}): "
            "remove it to read the graph like any other"
        ) from error
    dtypes = content.get("weight_dtype"), content.get("multiplicity_dtype")
    if dtypes[0] not in _WEIGHTS or dtypes[1] not in {None, *_COUNTS}:
        raise GraphError(f"dtypes {dtypes} found: floats and integers of NumPy are needed")
    index = {layer.name: number for number, layer in enumerate(layers)}
    for node, attributes in other.nodes(data=True):
        if attributes.get("layer") not in index:
            raise GraphError(
                f"node {node!r} has no layer of the graph: set its attribute 'layer' to one of "
                f"{list(index)[:20]}"
            )
    layer_of = np.array([index[x["layer"]] for _, x in other.nodes(data=True)], dtype=np.int64)
    positions = [x.get("position") for _, x in other.nodes(data=True)]
    return _Layout(
        layer_of,
        _whole("position", positions, "int32"),
        _layers([(x.name, x.role, x.shape) for x in layers], layer_of),
        blocks,
        provenance,
        *dtypes,
        content.get("scalars") is True,
        {
            name: _column(other, name, dtype)
            for name, dtype in _stored_dtypes(content.get("attributes", {})).items()
        },
    )


def _stored_dtypes(dtypes: Any) -> dict[str, str]:
    known = isinstance(dtypes, dict) and all(
        isinstance(x, str) and _OF_ATTRIBUTE.fullmatch(x) for x in dtypes.values()
    )
    if not known:
        raise GraphError(
            f"attributes {dtypes!r:.100} found: names and dtypes of NumPy are needed, as "
            "to_networkx writes them"
        )
    return dict(dtypes)


def _column(other: nx.DiGraph[Any], name: str, dtype: str) -> NDArray[Any]:
    """A stored attribute of all nodes; strings may have become longer."""
    kind = np.dtype(dtype).kind
    legal = {"U": str, "b": bool, "f": Real}.get(kind, Integral)
    values = [attributes.get(name) for _, attributes in other.nodes(data=True)]
    for node, value in zip(other, values, strict=True):
        if not isinstance(value, legal):
            raise GraphError(
                f"node {node!r} has {name} {value!r:.80}: a value of type {legal.__name__} is "
                "needed on every node"
            )
    try:
        return np.array(values, dtype="U" if kind == "U" else dtype)
    except OverflowError as error:
        raise GraphError(f"attribute {name!r} has values beyond {dtype}") from error


def _layout_by_names(other: nx.DiGraph[Any]) -> _Layout:
    """Layers as the nodes name them, in the order in which they first come."""
    nodes = [attributes for _, attributes in other.nodes(data=True)]
    roles: dict[str, Role] = {}
    for attributes in nodes:
        roles.setdefault(attributes["layer"], attributes["role"])
    index = {name: number for number, name in enumerate(roles)}
    layer_of = np.array([index[attributes["layer"]] for attributes in nodes], dtype=np.int64)
    sizes = np.bincount(layer_of, minlength=len(roles)).tolist()
    positions = [attributes.get("position", row) for row, attributes in enumerate(nodes)]
    named = [(name, role, (size,)) for (name, role), size in zip(roles.items(), sizes, strict=True)]
    of_node = {node: x["layer"] for node, x in other.nodes(data=True)}
    kinds = {
        (of_node[source], of_node[target]): str(attributes.get("kind", "linear"))
        for source, target, attributes in other.edges(data=True)
    }
    blocks = tuple(
        Block(a, b, None, kind, 0 if kind == "wiring" else sizes[index[a]] * sizes[index[b]])
        for (a, b), kind in sorted(kinds.items(), key=lambda x: [index[name] for name in x[0]])
    )
    counts = [attributes.get("multiplicity") for *_, attributes in other.edges(data=True)]
    return _Layout(
        layer_of,
        _whole("position", positions, "int32"),
        _layers(named, layer_of),
        blocks,
        (step("from_networkx"),),
        multiplicity_dtype="int64" if counts and None not in counts else None,
    )


def _layout_by_depth(other: nx.DiGraph[Any]) -> _Layout:
    import networkx as nx

    depth: dict[Any, int] = {}
    try:
        for level, generation in enumerate(nx.topological_generations(other)):
            depth.update(dict.fromkeys(generation, level))
    except nx.NetworkXUnfeasible as error:
        cycle = [source for source, _ in nx.find_cycle(other)]
        raise GraphError(
            f"a cycle through {cycle[:5]} found: edges must lead from input to output; unroll "
            "recurrent connections in time"
        ) from error
    layer_of = np.array([depth[node] for node in other], dtype=np.int64)
    feeds = np.array([out > 0 for _, out in other.out_degree()], dtype=bool)
    is_output = ~feeds & (layer_of > 0)
    inner = int(layer_of[feeds].max(initial=0))
    layer_of[is_output] = inner + 1
    named: list[tuple[str, Role]] = [("input", "input")] if depth else []
    named += [(f"hidden{level}", "hidden") for level in range(1, inner + 1)]
    named += [("output", "output")] if is_output.any() else []
    sizes = np.bincount(layer_of, minlength=len(named)).tolist()
    layers = _layers(
        [(name, role, (size,)) for (name, role), size in zip(named, sizes, strict=True)], layer_of
    )
    place = dict(zip(other, layer_of.tolist(), strict=True))
    pairs = sorted({(place[source], place[target]) for source, target in other.edges})
    blocks = tuple(
        Block(layers[a].name, layers[b].name, None, "linear", sizes[a] * sizes[b]) for a, b in pairs
    )
    return _Layout(
        layer_of, np.arange(layer_of.size, dtype=np.int32), layers, blocks, (step("from_networkx"),)
    )


def _layers(
    named: Sequence[tuple[str, Role, tuple[int, ...]]], layer_of: NDArray[np.int64]
) -> tuple[Layer, ...]:
    sizes = np.bincount(layer_of, minlength=len(named))
    bounds = np.concatenate([[0], np.cumsum(sizes)]).tolist()
    return tuple(
        Layer(*name, start, stop)
        for name, (start, stop) in zip(named, pairwise(bounds), strict=True)
    )


def _numbers(values: Sequence[Any]) -> NDArray[np.float64]:
    for value in values:
        if not isinstance(value, Real):
            raise GraphError(f"weight {value!r} found: a number is needed on every edge")
    try:
        return np.array([float(value) for value in values], dtype=np.float64)
    except OverflowError as error:
        raise GraphError("a weight beyond 1.8e308 found: scale the weights") from error


def _whole(name: str, values: Sequence[Any], dtype: str) -> NDArray[Any]:
    for value in values:
        if not isinstance(value, Integral):
            raise GraphError(f"{name} {value!r} found: a whole number is needed")
    try:
        return np.array([int(value) for value in values], dtype=dtype)
    except OverflowError as error:
        raise GraphError(f"{name} {max(values)} or {min(values)} is beyond {dtype}") from error
