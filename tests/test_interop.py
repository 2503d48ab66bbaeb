"""Graphs to and from networkx, igraph and SciPy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import igraph  # noqa: F401  (its first import would exceed the deadline of test_igraph)
import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array, csr_array

from netsculpt.core.errors import GraphError
from netsculpt.core.provenance import step
from netsculpt.graph.graph import Block, Layer, NetGraph, unit_names
from netsculpt.graph.interop import block_of, from_networkx, to_igraph, to_networkx, to_scipy
from netsculpt.graph.matrices import from_matrices

ROLES = ("input", "hidden", "junction", "state", "output")


def sample(seed: int) -> NetGraph:
    """A random graph with skips, an empty layer, zero weights, odd positions and counts."""
    rng = np.random.default_rng(seed)
    widths = [3, 4, 0, 3, 2]
    starts = np.concatenate([[0], np.cumsum(widths)]).tolist()
    layers = tuple(
        Layer(f"fc.{at}", role, (width, 1), start, start + width)  # type: ignore[arg-type]
        for at, (role, width, start) in enumerate(zip(ROLES, widths, starts, strict=False))
    )
    pairs = [(a, b) for a in range(5) for b in range(a + 1, 5) if rng.random() < 0.7]
    blocks = tuple(
        Block(f"fc.{a}", f"fc.{b}", None if b == 2 else f"W{a}{b}", f"kind{a}", 9) for a, b in pairs
    )
    kept = np.zeros((12, 12), dtype=bool)
    for a, b in pairs:
        shape = (widths[a], widths[b])
        kept[layers[a].units, layers[b].units] = rng.random(shape) < 0.5
    ends = np.nonzero(kept)
    values = rng.integers(-1, 2, ends[0].size).astype(rng.choice([np.float32, np.float64]))
    weights = csr_array(coo_array((values, ends), shape=(12, 12)))
    weights.data *= weights.dtype.type(0.1)
    counts = rng.integers(1, 10, weights.nnz).astype(np.int16) if seed % 2 else None
    made = (step("prune", input_hash="sha256:0", density=0.1, layers=["a"]), step("live"))
    return NetGraph(weights, counts, layers, blocks, made, rng.permutation(12))


def assert_same(one: NetGraph, other: NetGraph) -> None:
    for name in ("data", "indices", "indptr"):
        x, y = getattr(one.weights, name), getattr(other.weights, name)
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(x, y)
    assert (one.multiplicity is None) == (other.multiplicity is None)
    if one.multiplicity is not None and other.multiplicity is not None:
        assert one.multiplicity.dtype == other.multiplicity.dtype
        np.testing.assert_array_equal(one.multiplicity, other.multiplicity)
    np.testing.assert_array_equal(one.positions, other.positions)
    assert (one.layers, one.blocks, one.provenance) == (
        other.layers,
        other.blocks,
        other.provenance,
    )


@given(st.integers(0, 10_000))
def test_networkx_round_trip(seed: int) -> None:
    graph = sample(seed)
    assert_same(from_networkx(to_networkx(graph)), graph)


def test_networkx_round_trip_of_a_wide_graph() -> None:
    graph = from_matrices([np.random.default_rng(0).normal(size=(40, 50))])
    assert_same(from_networkx(to_networkx(graph)), graph)


def test_networkx_attributes() -> None:
    graph = sample(1)
    other = to_networkx(graph)
    assert list(other) == list(range(12))
    assert [other.nodes[u]["name"] for u in other] == unit_names(graph)
    assert other.nodes[4]["layer"] == "fc.1"
    assert other.nodes[4]["role"] == "hidden"
    dense = graph.weights.toarray()
    of_pair = {(block.source, block.target): block for block in graph.blocks}
    counts = csr_array((graph.multiplicity, graph.weights.indices, graph.weights.indptr)).tolil()
    assert other.number_of_edges() == graph.n_edges
    for source, target, known in other.edges(data=True):
        block = of_pair[other.nodes[source]["layer"], other.nodes[target]["layer"]]
        assert known["weight"] == dense[source, target]
        assert known["kind"] == block.kind
        assert known.get("parameter") == block.parameter
        assert known["multiplicity"] == counts[source, target]


@given(st.integers(0, 10_000))
def test_block_of(seed: int) -> None:
    graph = sample(seed)
    names = [layer.name for layer in graph.layers]
    found = [
        (names[graph.layer_of[u]], names[graph.layer_of[v]])
        for u, v in zip(graph.sources, graph.weights.indices, strict=True)
    ]
    expected = [(graph.blocks[at].source, graph.blocks[at].target) for at in block_of(graph)]
    assert found == expected


def test_networkx_files_round_trip(tmp_path: Path) -> None:
    graph = sample(3)
    nx.write_graphml(to_networkx(graph), tmp_path / "graph.graphml")
    assert_same(from_networkx(nx.read_graphml(tmp_path / "graph.graphml", node_type=int)), graph)


def test_an_edited_graph_comes_back_edited() -> None:
    other = to_networkx(from_matrices([np.ones((2, 3)), np.ones((1, 2))]))
    other.remove_node(1)
    other.remove_edge(0, 3)
    other.add_node("new", layer="hidden1", position=7)
    other.add_edge("new", 5, weight=0.0)
    graph = from_networkx(other)
    assert unit_names(graph) == [
        *("input[0]", "input[2]", "hidden1[0]", "hidden1[1]", "hidden1[7]", "output[0]"),
    ]
    assert graph.n_edges == 6
    assert graph.weights.data.tolist() == [1.0, 1.0, 1.0, 1.0, 1.0, 0.0]
    other.add_edge(0, 5)
    with pytest.raises(GraphError, match="to layers that no block names"):
        from_networkx(other)


def random_dag(seed: int) -> nx.DiGraph[Any]:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 12))
    label = rng.permutation(n).tolist()
    other: nx.DiGraph[Any] = nx.DiGraph()
    other.add_nodes_from(f"n{at}" for at in rng.permutation(n))
    for a in range(n):
        for b in range(a + 1, n):
            if rng.random() < 0.25:
                other.add_edge(f"n{label[a]}", f"n{label[b]}", weight=float(rng.normal()))
    return other


@given(st.integers(0, 10_000))
def test_any_dag(seed: int) -> None:
    other = random_dag(seed)
    graph = from_networkx(other)
    nodes = list(other)
    unit_of = {nodes[at]: unit for unit, at in enumerate(graph.positions)}  # type: ignore[arg-type]
    assert len(unit_of) == len(nodes) == graph.n_units
    assert graph.n_edges == other.number_of_edges()
    dense = graph.weights.toarray()
    for source, target, weight in other.edges(data="weight"):
        assert dense[unit_of[source], unit_of[target]] == weight
    for node in nodes:
        layer = graph.layers[graph.layer_of[unit_of[node]]]
        depth = nx.dag_longest_path_length(
            other.subgraph(nx.ancestors(other, node) | {node}), weight=None
        )
        if other.in_degree(node) == 0:
            assert layer.role == "input"
        elif other.out_degree(node) == 0:
            assert layer.role == "output"
        else:
            assert layer.role == "hidden"
            assert layer.name == f"hidden{depth}"
    assert all(layer.n_units for layer in graph.layers)


def test_a_dag_without_weights_or_edges() -> None:
    assert from_networkx(nx.DiGraph([(0, 1)])).weights.data.tolist() == [1.0]
    assert from_networkx(nx.DiGraph()).n_units == 0
    lonely = from_networkx(nx.empty_graph(3, create_using=nx.DiGraph))
    assert [(x.role, x.n_units) for x in lonely.layers] == [("input", 3)]
    integers = nx.DiGraph()
    integers.add_edge("a", "b", weight=0)
    assert from_networkx(integers).weights.data.tolist() == [0.0]


def with_weight(weight: Any) -> nx.DiGraph[int]:
    other: nx.DiGraph[int] = nx.DiGraph()
    other.add_edge(0, 1, weight=weight)
    return other


def with_description(**changes: Any) -> nx.DiGraph[int]:
    other = to_networkx(from_matrices([np.ones((1, 1))]))
    other.graph["netsculpt"] = json.dumps(json.loads(other.graph["netsculpt"]) | changes)
    return other


def with_node(**attributes: Any) -> nx.DiGraph[int]:
    other = to_networkx(from_matrices([np.ones((1, 1))]))
    other.add_node(9, **attributes)
    return other


@pytest.mark.parametrize(
    ("other", "text"),
    [
        (nx.Graph([(0, 1)]), "a Graph found, a DiGraph needed"),
        (nx.MultiDiGraph([(0, 1)]), "a MultiDiGraph found"),
        (nx.MultiGraph([(0, 1)]), "a MultiGraph found"),
        (nx.DiGraph([(0, 1), (1, 2), (2, 0)]), r"a cycle through \[0, 1, 2\] found"),
        (nx.DiGraph([(0, 0)]), r"a cycle through \[0\] found"),
        (with_weight("0.5"), "weight '0.5' found: a number is needed"),
        (with_weight(None), "weight None found"),
        (with_weight(1j), "weight 1j found"),
        (with_weight(10**400), "beyond 1.8e308"),
        (with_weight(float("nan")), "NaN or infinite"),
        (nx.DiGraph(netsculpt="{"), "not what to_networkx writes"),
        (nx.DiGraph(netsculpt=3), "not what to_networkx writes"),
        (nx.DiGraph(netsculpt="[]"), "not what to_networkx writes"),
        (with_description(layers=3), "not what to_networkx writes"),
        (with_description(weight_dtype="object"), "dtypes .* found"),
        (with_description(multiplicity_dtype="int32"), "multiplicity None found"),
        (with_node(), "node 9 has no layer"),
        (with_node(layer="fc9", position=0), "node 9 has no layer"),
        (with_node(layer="output"), "position None found"),
        (with_node(layer="output", position=2**40), "beyond int32"),
    ],
)
def test_graphs_that_do_not_fit(other: Any, text: str) -> None:
    with pytest.raises(GraphError, match=text):
        from_networkx(other)


@given(st.integers(0, 10_000))
def test_igraph(seed: int) -> None:
    graph = sample(seed)
    other = to_igraph(graph)
    assert other.is_directed()
    assert other.vcount() == 12
    ends = np.array(other.get_edgelist(), dtype=np.int64).reshape(-1, 2)
    np.testing.assert_array_equal(ends, np.c_[graph.sources, graph.weights.indices])
    assert other.es["weight"] == graph.weights.data.tolist()
    assert other.vs["name"] == unit_names(graph)
    assert other.vs["layer"] == [graph.layers[at].name for at in graph.layer_of]
    assert other.vs["role"] == [graph.layers[at].role for at in graph.layer_of]
    assert other.vs["position"] == graph.positions.tolist()  # type: ignore[union-attr]
    if graph.multiplicity is None:
        assert "multiplicity" not in other.es.attributes()
    else:
        assert other.es["multiplicity"] == graph.multiplicity.tolist()


def test_igraph_without_units_or_edges() -> None:
    assert to_igraph(NetGraph(csr_array((0, 0)), None, (), ())).vcount() == 0
    assert to_igraph(from_matrices([np.zeros((2, 2))])).ecount() == 0


def test_scipy_copy_is_free() -> None:
    graph = from_matrices([np.zeros((1, 2))], [np.ones((1, 2))])
    copy = to_scipy(graph)
    assert copy.nnz == 2  # stored zeros
    copy.data[0] = 5.0
    copy.indices[0] = 1
    copy.indptr[0] = 1
    assert graph.weights.data.tolist() == [0.0, 0.0]
    assert graph.weights.indices.tolist() == [2, 2]
    assert graph.weights.indptr[0] == 0
