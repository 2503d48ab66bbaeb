"""Graphs to and from networkx."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

from netsculpt.core.errors import GraphError
from netsculpt.core.extras import require
from netsculpt.graph.description import description
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.interop.columns import block_of, unit_columns
from netsculpt.graph.interop.networkx_layout import DESCRIPTION, layout_of, numbers, whole

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["from_networkx", "to_networkx"]


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
        scalars = dict(zip(other.edges, graph.scalars.tolist(), strict=True))
        nx.set_edge_attributes(other, scalars, "scalars")
    if graph.attributes:
        content["attributes"] = {name: x.dtype.str for name, x in graph.attributes.items()}
    other.graph[DESCRIPTION] = json.dumps(content)
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
    layout = layout_of(other)
    order = np.argsort(layout.layer_of, kind="stable")
    unit = np.empty_like(order)
    unit[order] = np.arange(order.size)
    index = {node: row for row, node in zip(unit.tolist(), other, strict=True)}
    sources = np.fromiter((index[node] for node, _ in other.edges), dtype=np.int64)
    targets = np.fromiter((index[node] for _, node in other.edges), dtype=np.int64)
    by_source = np.lexsort((targets, sources))
    weights = numbers([w for _, _, w in other.edges(data="weight", default=1.0)])[by_source]
    indptr = np.concatenate([[0], np.cumsum(np.bincount(sources, minlength=order.size))])
    multiplicity = None
    if layout.multiplicity_dtype is not None:
        counts = [x.get("multiplicity") for *_, x in other.edges(data=True)]
        multiplicity = whole("multiplicity", counts, layout.multiplicity_dtype)[by_source]
    scalars = None
    if layout.has_scalars:
        values = [x.get("scalars") for *_, x in other.edges(data=True)]
        scalars = whole("scalars", values, "int32")[by_source]
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
