"""Graphs from igraph and SciPy, and to and from PyTorch Geometric."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import igraph
import networkx as nx
import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from netsculpt import (
    GraphError,
    NetGraph,
    from_igraph,
    from_matrices,
    from_networkx,
    from_scipy,
    from_torch_geometric,
    planted,
    to_hetero_data,
    to_igraph,
    to_scipy,
    to_torch_geometric,
)
from netsculpt.core.errors import MissingLibraryError
from netsculpt.graph.interop.edges import graph_by_depth
from netsculpt.paths import out_degree


class HeteroData:
    """As much of PyTorch Geometric's class as is used."""

    def __init__(self) -> None:
        self.stores: dict[Any, SimpleNamespace] = {}

    def __getitem__(self, key: Any) -> SimpleNamespace:
        return self.stores.setdefault(key, SimpleNamespace())

    @property
    def node_types(self) -> list[str]:
        return [key for key in self.stores if isinstance(key, str)]

    @property
    def edge_types(self) -> list[tuple[str, str, str]]:
        return [key for key in self.stores if isinstance(key, tuple)]


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    package, data = ModuleType("torch_geometric"), ModuleType("torch_geometric.data")
    data.Data, data.HeteroData = SimpleNamespace, HeteroData  # type: ignore[attr-defined]
    package.data = data  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch_geometric", package)
    monkeypatch.setitem(sys.modules, "torch_geometric.data", data)


def sample() -> NetGraph:
    """Layers with a skip, a stored zero, a dead unit, and float64 weights."""
    graph, _ = planted([4, 5, 3], 2, 0.6, 0.1, rng=1)
    data = graph.weights.data.astype(np.float64)
    data[0] = 0.0
    return graph.with_weights(data)


def shuffled_dag(seed: int) -> tuple[nx.DiGraph[int], NetGraph]:
    """A random DAG of numbered nodes, and what networkx makes of it."""
    rng = np.random.default_rng(seed)
    names = rng.permutation(20).tolist()
    other: nx.DiGraph[int] = nx.DiGraph()
    other.add_nodes_from(range(20))
    for a in range(20):
        for b in range(a + 1, 20):
            if rng.random() < 0.15:
                other.add_edge(names[a], names[b], weight=float(rng.normal()))
    return other, from_networkx(other)


def assert_same(one: NetGraph, other: NetGraph) -> None:
    assert one.layers == other.layers
    assert [(x.source, x.target, x.kind, x.size) for x in one.blocks] == [
        (x.source, x.target, x.kind, x.size) for x in other.blocks
    ]
    for name in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(one.weights, name), getattr(other.weights, name))
    assert one.weights.dtype == other.weights.dtype
    np.testing.assert_array_equal(one.positions, other.positions)


@pytest.mark.parametrize("seed", range(5))
def test_all_libraries_put_a_dag_into_the_same_layers(seed: int) -> None:
    other, expected = shuffled_dag(seed)
    sources, targets, weights = zip(*other.edges(data="weight"), strict=True)
    assert_same(graph_by_depth(sources, targets, 20, weights=weights, function="mine"), expected)
    ig = igraph.Graph(20, list(zip(sources, targets, strict=True)), directed=True)
    ig.es["weight"] = weights
    assert_same(from_igraph(ig), expected)
    assert_same(from_scipy(csr_array((weights, (sources, targets)), (20, 20))), expected)
    data = SimpleNamespace(
        edge_index=torch.tensor([sources, targets]),
        edge_attr=torch.tensor(weights, dtype=torch.float64)[:, None],
        num_nodes=20,
    )
    assert_same(from_torch_geometric(data), expected)


def test_igraph_round_trip() -> None:
    graph = sample()
    back = from_igraph(to_igraph(graph))
    assert [(x.name, x.role, x.start, x.stop) for x in back.layers] == [
        (x.name, x.role, x.start, x.stop) for x in graph.layers
    ]
    np.testing.assert_array_equal(back.weights.toarray(), graph.weights.toarray())
    assert back.n_edges == graph.n_edges


def test_scipy_round_trip_of_a_connected_chain() -> None:
    graph = from_matrices([np.ones((3, 2)), np.ones((2, 3))])
    back = from_scipy(to_scipy(graph))
    np.testing.assert_array_equal(back.weights.toarray(), graph.weights.toarray())
    assert [layer.name for layer in back.layers] == ["input", "hidden1", "output"]
    assert from_scipy(csr_array((3, 3))).n_units == 3


@pytest.mark.usefixtures("stand_ins")
def test_data_is_the_graph() -> None:
    graph = sample()
    data = to_torch_geometric(graph, columns={"out": out_degree(graph), "at": graph.layer_of})
    dense = np.zeros((graph.n_units, graph.n_units))
    dense[tuple(data.edge_index.numpy())] = data.edge_weight.numpy()
    np.testing.assert_array_equal(dense, graph.weights.toarray())
    assert data.edge_index.dtype == torch.int64
    assert torch.equal(data.edge_attr[:, 0], data.edge_weight)
    assert (data.x.shape, data.x.dtype) == ((graph.n_units, 2), torch.float32)
    np.testing.assert_array_equal(data.x[:, 0].numpy(), out_degree(graph))
    assert not hasattr(to_torch_geometric(graph), "x")
    data.edge_weight += 1  # a copy: the graph stays
    assert_same(from_torch_geometric(to_torch_geometric(graph)), graph)


@pytest.mark.usefixtures("stand_ins")
def test_node_types_are_layers() -> None:
    graph = sample()
    data = to_hetero_data(graph, columns={"out": out_degree(graph)})
    assert data.node_types == [layer.name for layer in graph.layers]
    assert data.edge_types == [(x.source, x.kind, x.target) for x in graph.blocks]
    for source, kind, target in data.edge_types:
        store, block = data[source, kind, target], graph.block(source, target)
        dense = np.zeros(block.shape)
        dense[tuple(store.edge_index.numpy())] = store.edge_weight.numpy()
        np.testing.assert_array_equal(dense, block.toarray())
    hidden = graph.layers[1]
    assert data[hidden.name].x.shape == (hidden.n_units, 1)
    assert_same(from_torch_geometric(data), graph)


def test_other_hetero_data_has_roles_by_its_edges() -> None:
    data = HeteroData()
    for name, n in (("users", 2), ("items", 3), ("tags", 1)):
        data[name].num_nodes = n
    data["users", "buy", "items"].edge_index = torch.tensor([[0, 1], [0, 2]])
    data["items", "have", "tags"].edge_index = torch.tensor([[2], [0]])
    graph = from_torch_geometric(data)
    assert [layer.role for layer in graph.layers] == ["input", "hidden", "output"]
    assert [block.kind for block in graph.blocks] == ["buy", "have"]
    assert graph.weights.data.tolist() == [1.0] * 3
    data["tags", "rev_have", "items"].edge_index = torch.tensor([[0], [2]])
    with pytest.raises(GraphError, match="an edge from layer 'tags' to 'items' found"):
        from_torch_geometric(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"edge_index": [[0, 1], [1, 0]], "num_nodes": 2}, "a cycle is among the nodes"),
        ({"edge_index": [[0, 0], [1, 1]], "num_nodes": 2}, "given twice"),
        ({"edge_index": [[0], [2]], "num_nodes": 2}, "nodes 2 to 2 found"),
        ({"edge_index": [0, 1], "num_nodes": 2}, r"\[2, edges\] is needed"),
        ({"edge_index": [[0.5], [1.0]], "num_nodes": 2}, "float64"),
        ({"num_nodes": 2}, "no edge_index"),
        (
            {"edge_index": [[0], [1]], "num_nodes": 2, "edge_attr": np.ones((1, 2))},
            "one number per edge",
        ),
        ({"edge_index": [[0], [1]], "num_nodes": 2, "edge_weight": [1.0, 2.0]}, "one number per"),
        ({"edge_index": [[0], [1]], "num_nodes": 2, "edge_weight": [np.nan]}, "finite"),
    ],
)
def test_data_that_does_not_fit(data: dict[str, Any], message: str) -> None:
    with pytest.raises(GraphError, match=message):
        from_torch_geometric(SimpleNamespace(**data))


def test_other_objects_that_do_not_fit() -> None:
    with pytest.raises(GraphError, match="undirected"):
        from_igraph(igraph.Graph([(0, 1)]))
    with pytest.raises(GraphError, match="from_matrices takes one"):
        from_scipy(csr_array((2, 3)))
    with pytest.raises(GraphError, match="a cycle"):
        from_scipy(csr_array(np.eye(2)))
    other = igraph.Graph([(0, 1)], directed=True)
    other.vs["layer"], other.vs["role"] = ["a", "b"], ["input", "deep"]
    with pytest.raises(GraphError, match=r"roles .* found: input"):
        from_igraph(other)


def test_without_torch_geometric_the_error_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torch_geometric", None)
    with pytest.raises(MissingLibraryError, match="pip install torch_geometric"):
        to_torch_geometric(sample())


@pytest.mark.usefixtures("stand_ins")
def test_columns_of_another_length_are_refused() -> None:
    with pytest.raises(GraphError, match="column 'a' has shape"):
        to_hetero_data(sample(), columns={"a": [1.0]})
