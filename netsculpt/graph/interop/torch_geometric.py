"""Graphs to and from PyTorch Geometric; what comes in is recognised by its attributes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.errors import GraphError, MissingLibraryError
from netsculpt.core.extras import is_installed
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.interop.columns import block_of
from netsculpt.graph.interop.edges import graph_by_depth, graph_in_layers, named_layers

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["from_torch_geometric", "to_hetero_data", "to_torch_geometric"]

Columns = Mapping[str, ArrayLike]


def to_torch_geometric(graph: NetGraph, *, columns: Columns | None = None) -> Any:
    """The graph as a ``torch_geometric.data.Data``; nodes are units.

    ``edge_index`` [2, E] is in the order of the graph's edges, ``edge_weight`` [E] and
    ``edge_attr`` [E, 1] are the signed weights. ``layer`` [U] and ``position`` [U] say where a unit
    stands, ``layer_names``, ``layer_roles`` and ``kinds`` what the numbers in ``layer`` and
    ``edge_kind`` [E] mean. `columns`, name → values [U], such as metrics of `netsculpt.paths`,
    become the features ``x`` [U, F] in float32, and ``feature_names``; without any there is no
    ``x``. Cost O(E).

    Raises
    ------
    MissingLibraryError
        If torch_geometric is not installed.
    GraphError
        If a column has another shape.
    """
    data = _new("Data")
    features, x = _features(graph, columns)
    if x is not None:
        data.x, data.feature_names = _tensor(x), features
    data.edge_index = _tensor(np.stack([graph.sources, graph.weights.indices]).astype(np.int64))
    data.edge_weight = _tensor(graph.weights.data.copy())
    data.edge_attr = data.edge_weight[:, None]
    data.num_nodes = graph.n_units
    data.layer = _tensor(graph.layer_of.astype(np.int64))
    data.position = _tensor(_positions(graph))
    data.layer_names = [layer.name for layer in graph.layers]
    data.layer_roles = [layer.role for layer in graph.layers]
    data.kinds = sorted({block.kind for block in graph.blocks})
    kinds = np.array([data.kinds.index(block.kind) for block in graph.blocks], dtype=np.int64)
    data.edge_kind = _tensor(kinds[block_of(graph)])
    if graph.multiplicity is not None:
        data.edge_multiplicity = _tensor(graph.multiplicity.astype(np.int64))
    return data


def to_hetero_data(graph: NetGraph, *, columns: Columns | None = None) -> Any:
    """The graph as a ``torch_geometric.data.HeteroData``; node types are layers.

    An edge type is (source layer, kind, target layer), with ``edge_index`` inside the two layers,
    ``edge_weight`` and ``edge_attr`` as in `to_torch_geometric`. A node type has ``num_nodes``,
    ``role``, ``position`` and, with `columns`, ``x``. Cost O(E).

    Raises
    ------
    MissingLibraryError
        If torch_geometric is not installed.
    GraphError
        If a column has another shape.
    """
    data = _new("HeteroData")
    _, x = _features(graph, columns)
    positions = _positions(graph)
    for layer in graph.layers:
        store = data[layer.name]
        store.num_nodes, store.role = layer.n_units, layer.role
        store.position = _tensor(positions[layer.units])
        if x is not None:
            store.x = _tensor(x[layer.units])
    for block in graph.blocks:
        entries = graph.block(block.source, block.target).tocoo()
        store = data[block.source, block.kind, block.target]
        store.edge_index = _tensor(np.stack(entries.coords).astype(np.int64))
        store.edge_weight = _tensor(entries.data.copy())
        store.edge_attr = store.edge_weight[:, None]
    return data


def from_torch_geometric(data: Any) -> NetGraph:
    """A ``torch_geometric.data.Data`` or ``HeteroData`` as a graph.

    What `to_torch_geometric` and `to_hetero_data` return comes back with its layers, edges, weights
    and positions. In any other Data the layer of a node is its longest distance from those without
    predecessors, and ``positions`` are the nodes. Node types of other HeteroData are layers, in
    their order; those that nothing feeds are inputs, those that feed nothing outputs. Weights are
    ``edge_weight``, or else ``edge_attr`` of one column, or else 1. Neither torch nor
    torch_geometric is imported: any object with these attributes will do. Cost O(E log E).

    Raises
    ------
    GraphError
        If there is a cycle, as in every undirected graph, or an edge to an earlier node type;
        an edge is given twice; or there are several numbers per edge.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from_torch_geometric(SimpleNamespace(edge_index=[[0, 1], [2, 2]], num_nodes=3))
    NetGraph(2-1: 3 units, 2 edges)
    """
    if hasattr(data, "node_types") and hasattr(data, "edge_types"):
        return _of_hetero(data)
    begin, end = _edges(data, "the data")
    n_nodes, weights = int(data.num_nodes), _weights(data)
    function = "from_torch_geometric"
    if getattr(data, "layer_names", None) is None:
        return graph_by_depth(begin, end, n_nodes, weights=weights, function=function)
    layer = _array(data.layer).tolist()
    layers, layer_of = named_layers(
        [data.layer_names[x] for x in layer], [data.layer_roles[x] for x in layer]
    )
    kinds = [data.kinds[x] for x in _array(data.edge_kind).tolist()]
    return graph_in_layers(
        begin,
        end,
        layers,
        layer_of,
        weights=weights,
        kinds=kinds,
        positions=_array(data.position),
        function=function,
    )


def _of_hetero(data: Any) -> NetGraph:
    types = [name for name in data.node_types if int(data[name].num_nodes)]
    counts = [int(data[name].num_nodes) for name in types]
    starts = dict(zip(types, np.cumsum([0, *counts]).tolist(), strict=False))
    feeding, fed = {x[0] for x in data.edge_types}, {x[2] for x in data.edge_types}
    role = {
        name: getattr(data[name], "role", None)
        or ("input" if name not in fed else "hidden" if name in feeding else "output")
        for name in types
    }
    layer = [name for name, n in zip(types, counts, strict=True) for _ in range(n)]
    layers, layer_of = named_layers(layer, [role[name] for name in layer])
    ends, weights, kinds = [], [], []
    for source, kind, target in data.edge_types:
        store = data[source, kind, target]
        begin, end = _edges(store, f"{source} → {target}")
        if begin.size:
            ends.append(np.stack([begin + starts[source], end + starts[target]]))
            weights.append(_weights(store))
            kinds += [kind] * begin.size
    places = [getattr(data[name], "position", None) for name in types]
    known = bool(places) and all(x is not None for x in places)
    begin, end = np.concatenate(ends, axis=1) if ends else np.empty((2, 0), np.int64)
    return graph_in_layers(
        begin,
        end,
        layers,
        layer_of,
        weights=np.concatenate(weights) if weights else None,
        kinds=kinds,
        positions=np.concatenate([_array(x) for x in places]) if known else None,
        function="from_torch_geometric",
    )


def _edges(store: Any, where: str) -> NDArray[Any]:
    index = getattr(store, "edge_index", None)
    if index is None:
        raise GraphError(f"{where} has no edge_index: one of shape [2, edges] is needed")
    ends = _array(index)
    if ends.ndim != 2 or ends.shape[0] != 2:
        raise GraphError(f"edge_index of {where} is {list(ends.shape)}: [2, edges] is needed")
    return ends if ends.size else ends.astype(np.int64)


def _weights(store: Any) -> NDArray[Any]:
    found = [getattr(store, name, None) for name in ("edge_weight", "edge_attr")]
    weights = next((_array(x) for x in found if x is not None), None)
    if weights is None:
        return np.ones(_array(store.edge_index).shape[1], np.float32)
    if weights.ndim == 2 and weights.shape[1] == 1:
        return weights[:, 0]
    if weights.ndim != 1:
        raise GraphError(
            f"{list(weights.shape)} numbers on edges found: set edge_weight to one number per edge"
        )
    return weights


def _features(
    graph: NetGraph, columns: Columns | None
) -> tuple[list[str], NDArray[np.float32] | None]:
    if not columns:
        return [], None
    values = {name: np.asarray(x, dtype=np.float32) for name, x in columns.items()}
    for name, x in values.items():
        if x.shape != (graph.n_units,):
            raise GraphError(
                f"column {name!r} has shape {list(x.shape)}: one number per unit is needed, "
                f"[{graph.n_units}]"
            )
    return list(values), np.stack(list(values.values()), axis=1)


def _positions(graph: NetGraph) -> NDArray[np.int64]:
    assert graph.positions is not None  # filled in by the constructor
    return graph.positions.astype(np.int64)


def _new(kind: str) -> Any:
    if not is_installed("torch_geometric"):
        raise MissingLibraryError(
            "PyTorch Geometric's data needs torch_geometric, which is not installed: pip install "
            "torch_geometric",
            name="torch_geometric",
        )
    import torch_geometric.data

    return getattr(torch_geometric.data, kind)()


def _tensor(array: NDArray[Any]) -> Tensor:
    import torch

    return torch.from_numpy(array)


def _array(x: Any) -> NDArray[Any]:
    return np.asarray(x.detach().cpu() if hasattr(x, "detach") else x)
