"""GraphML and GEXF: other programs read exactly what was written, for any names."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import igraph
import networkx as nx
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array, csr_array

from netsculpt.core.errors import GraphError
from netsculpt.graph.attribution import planted_supernodes
from netsculpt.graph.by_depth import by_depth
from netsculpt.graph.exporting import ENDINGS, export, unescaped
from netsculpt.graph.exporting._xml import escaped
from netsculpt.graph.graph import Block, Layer, NetGraph, unit_names
from netsculpt.graph.interop import from_networkx
from netsculpt.graph.matrices import from_matrices
from netsculpt.graph.partition import Partition
from netsculpt.loading.formats.graph import load_graph

TEXTS = ("graphml", "gexf")
HOSTILE = "\x00\x1f\ud800 \udfff\ufffe'\"<&>]]>\\u0000\\ \U0001f600\t\r\n\x85 %s %d {0}"


def read(path: Path) -> nx.DiGraph[int]:
    """As networkx reads it; node ids are unit indices."""
    if path.suffix == ".graphml":
        return nx.read_graphml(path, node_type=int)
    return nx.read_gexf(path, node_type=int, version="1.3")


def sample(
    dtype: Any = np.float32, names: tuple[str, str, str] = ("in", "mid", "out"), kind: str = "conv"
) -> NetGraph:
    """Six units with a skip, a zero weight and negative weights."""
    layers = (
        Layer(names[0], "input", (2,), 0, 2),
        Layer(names[1], "hidden", (3,), 2, 5),
        Layer(names[2], "output", (1,), 5, 6),
    )
    pairs = ((0, 1), (1, 2), (0, 2))
    blocks = tuple(
        Block(names[a], names[b], None, kind if b == 1 else "wiring", 6) for a, b in pairs
    )
    rows, columns = np.array([[0, 2], [0, 3], [1, 4], [1, 5], [2, 5], [4, 5]]).T
    values = np.array([0.1, -2.5, 0.0, 1 / 3, -1e-30, 1e30], dtype=dtype)
    weights = csr_array(coo_array((values, (rows, columns)), shape=(6, 6)))
    return NetGraph(weights, None, layers, blocks, positions=np.array([0, 1, 0, 4, 7, 0]))


@pytest.mark.parametrize("ending", TEXTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_networkx_reads(tmp_path: Path, ending: str, dtype: Any) -> None:
    graph, partition = sample(dtype), Partition([0, 0, 1, -1, 1, 1])
    path = tmp_path / f"graph.{ending}"
    export(graph, path, partition=partition)
    other = read(path)
    assert isinstance(other, nx.DiGraph)
    assert list(other) == list(range(6))
    for unit, name in enumerate(unit_names(graph)):
        layer, known = graph.layers[graph.layer_of[unit]], other.nodes[unit]
        assert known["label"] == name
        assert (known["layer"], known["role"]) == (layer.name, layer.role)
        assert known["position"] == graph.positions[unit]  # type: ignore[index]
        assert known["module"] == partition.labels[unit]
    assert other.number_of_edges() == graph.n_edges
    weights = graph.weights.tocoo()
    for source, target, weight in zip(weights.row, weights.col, weights.data, strict=True):
        known = other.edges[source, target]
        assert dtype(known["weight"]) == weight
        assert dtype(known["magnitude"]) == abs(weight)
        assert known["kind"] == ("wiring" if target == 5 else "conv")


@pytest.mark.parametrize("ending", TEXTS)
def test_multiplicity_is_written_where_it_is(tmp_path: Path, ending: str) -> None:
    graph = from_matrices([np.ones((1, 3))])
    counted = NetGraph(graph.weights, np.array([1, 9, 25]), graph.layers, graph.blocks)
    for each, expected in ((graph, [None] * 3), (counted, [1, 9, 25])):
        path = tmp_path / f"graph.{ending}"
        export(each, path)
        found = [read(path).edges[unit, 3].get("multiplicity") for unit in range(3)]
        assert found == expected
        assert "module" not in read(path).nodes[0]


COLUMNS = {
    "numbers": np.array([0.1, -1e300, np.nan, np.inf, -np.inf, 0.0]),
    "singles": np.arange(6, dtype=np.float32) / 3,
    "counts": [2**62, -1, 0, 1, 2, 3],
    "live": np.array([True, False] * 3),
    "words": ["a", "", " b ", HOSTILE, "é", "\n"],
    HOSTILE: range(6),
}


@pytest.mark.parametrize("ending", TEXTS)
def test_columns(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"graph.{ending}"
    export(sample(), path, columns=COLUMNS)
    other = read(path)
    for name, values in COLUMNS.items():
        found = [other.nodes[unit][escaped_once(name)] for unit in range(6)]
        if name == "words":
            found = [unescaped(word) for word in found]
        expected = np.asarray(values)
        if expected.dtype.kind == "f":
            np.testing.assert_array_equal(found, expected.astype(np.float64))
        else:
            assert found == expected.tolist()


@pytest.mark.parametrize("ending", TEXTS)
def test_java_can_parse_what_is_not_finite(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"graph.{ending}"
    export(sample(), path, columns={"a": [np.nan, np.inf, -np.inf, 0.0, 0.0, 0.0]})
    text = path.read_text()
    assert [text.count(word) for word in ("NaN", "Infinity", "-Infinity", "nan", "inf")] == [
        *(1, 2, 1, 0, 0),
    ]


def escaped_once(name: str) -> str:
    """As a reader sees it: without XML references, with escaped backslashes."""
    return str(ET.fromstring(f'<a b="{escaped(name)}"/>').get("b"))


@given(st.text(st.characters()))
@example(HOSTILE)
@example("\\u0000")
@example("\\\\u0000\\")
def test_any_text_goes_through_xml(text: str) -> None:
    assert unescaped(str(ET.fromstring(f'<a b="{escaped(text)}"/>').get("b"))) == text
    assert unescaped(ET.fromstring(f"<a>{escaped(text)}</a>").text or "") == text


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\\\ufffe\uffff")))
def test_plain_text_is_not_changed(text: str) -> None:
    assert str(ET.fromstring(f'<a b="{escaped(text)}"/>').get("b")) == text


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    names=st.lists(st.text(st.characters()), min_size=3, max_size=3, unique=True), kind=st.text()
)
@example(names=[HOSTILE, HOSTILE + "2", ""], kind=HOSTILE)
@pytest.mark.parametrize("ending", TEXTS)
def test_any_name_comes_back(tmp_path: Path, ending: str, names: list[str], kind: str) -> None:
    graph = sample(names=(names[0], names[1], names[2]), kind=kind)
    path = tmp_path / f"graph.{ending}"
    export(graph, path)
    other = read(path)
    found = [unescaped(other.nodes[unit]["label"]) for unit in range(6)]
    assert found == unit_names(graph)
    for unit in range(6):
        assert unescaped(other.nodes[unit]["layer"]) == names[graph.layer_of[unit]]
    assert unescaped(other.edges[0, 2]["kind"]) == kind


def test_igraph_reads_graphml(tmp_path: Path) -> None:
    graph = sample()
    export(graph, tmp_path / "graph.graphml")
    other = igraph.Graph.Read_GraphML(str(tmp_path / "graph.graphml"))
    assert other.is_directed()
    ends = np.c_[graph.sources, graph.weights.indices]
    assert other.get_edgelist() == [tuple(pair) for pair in ends.tolist()]
    signed = np.array(other.es["weight"], dtype=np.float32)
    np.testing.assert_array_equal(signed, graph.weights.data)
    assert other.vs["label"] == unit_names(graph)


def test_gephi_sees_layers_and_modules(tmp_path: Path) -> None:
    graph, partition = sample(), Partition([0, 0, 1, -1, 0, 1])
    export(graph, tmp_path / "graph.gexf", partition=partition)
    viz = [known["viz"] for _, known in read(tmp_path / "graph.gexf").nodes(data=True)]
    x = np.array([each["position"]["x"] for each in viz])
    y = np.array([each["position"]["y"] for each in viz])
    assert (np.diff(x) == 0).tolist() == [True, False, True, True, False]
    assert len(set(x)) == 3
    assert (np.diff(x) >= 0).all()
    assert len(set(zip(x, y, strict=True))) == 6
    assert y[[0, 1]].sum() == y[[2, 3, 4]].sum() == y[5] == 0  # layers are centred
    assert np.argsort(-y[2:5]).tolist() == [1, 2, 0]  # no module, module 0, module 1
    colour = [tuple(each["color"].values()) for each in viz]
    same = partition.labels[:, None] == partition.labels
    assert [[a == b for b in colour] for a in colour] == same.tolist()


def test_without_modules_colours_tell_layers_apart(tmp_path: Path) -> None:
    export(sample(), tmp_path / "graph.gexf")
    colour = [
        tuple(known["viz"]["color"].values())
        for _, known in read(tmp_path / "graph.gexf").nodes(data=True)
    ]
    assert colour[0] == colour[1] != colour[2] == colour[3] == colour[4] != colour[5]


def test_gexf_is_1_3(tmp_path: Path) -> None:
    export(sample(), tmp_path / "graph.gexf", partition=Partition([0] * 6), columns={"a": range(6)})
    space, viz = "{http://gexf.net/1.3}", "{http://gexf.net/1.3/viz}"
    root = ET.parse(tmp_path / "graph.gexf").getroot()
    assert (root.tag, root.get("version")) == (f"{space}gexf", "1.3")
    graph = root.find(f"{space}graph")
    assert graph is not None
    assert graph.get("defaultedgetype") == "directed"
    assert [child.tag.removeprefix(space) for child in graph] == [
        *("attributes", "attributes", "nodes", "edges"),
    ]
    declared = {
        x.get("class"): {a.get("id"): a.get("type") for a in x}
        for x in graph.findall(f"{space}attributes")
    }
    assert set(declared["node"].values()) <= {"string", "long", "double", "boolean"}
    for kind in ("node", "edge"):
        for element in graph.iter(f"{space}{kind}"):
            used = {value.get("for") for value in element.iter(f"{space}attvalue")}
            assert used == set(declared[kind])
    node = next(graph.iter(f"{space}node"))
    assert [child.tag for child in node] == [f"{space}attvalues", f"{viz}color", f"{viz}position"]


def test_graphml_declares_each_key_once(tmp_path: Path) -> None:
    export(sample(), tmp_path / "graph.graphml", columns={"a": range(6)})
    space = "{http://graphml.graphdrawing.org/xmlns}"
    root = ET.parse(tmp_path / "graph.graphml").getroot()
    keys = {key.get("id"): key.get("for") for key in root.findall(f"{space}key")}
    assert len(keys) == len(root.findall(f"{space}key"))
    for kind in ("node", "edge"):
        for element in root.iter(f"{space}{kind}"):
            used = [data.get("key") for data in element]
            assert used == [key for key, of in keys.items() if of == kind]


@pytest.mark.parametrize("ending", TEXTS)
@pytest.mark.parametrize(
    "graph",
    [
        NetGraph(csr_array((0, 0)), None, (), ()),
        from_matrices([np.zeros((2, 3))]),
        from_matrices([np.zeros((0, 2)), np.zeros((1, 0))]),
        from_matrices([np.random.default_rng(0).normal(size=(150, 150))]),  # more than one chunk
        from_matrices([np.random.default_rng(0).random((99, 99), np.float32)]),
    ],
    ids=["nothing", "no edges", "empty layer", "long", "single"],
)
def test_extremes(tmp_path: Path, ending: str, graph: NetGraph) -> None:
    path = tmp_path / f"graph.{ending}"
    export(graph, path, partition=Partition(np.full(graph.n_units, -1)))
    other = read(path)
    assert other.number_of_nodes() == graph.n_units
    assert other.number_of_edges() == graph.n_edges
    found = [other.edges[edge]["weight"] for edge in sorted(other.edges)]
    np.testing.assert_array_equal(np.array(found, graph.weights.dtype), graph.weights.data)


@pytest.mark.parametrize("ending", TEXTS)
def test_same_bytes_and_nothing_else(tmp_path: Path, ending: str) -> None:
    for name in ("a", "b"):
        export(sample(), tmp_path / f"{name}.{ending}")
    contents = [path.read_bytes() for path in tmp_path.iterdir()]
    assert len(contents) == 2
    assert contents[0] == contents[1]


def test_endings(tmp_path: Path) -> None:
    chain = by_depth([0, 1], [2, 2], n_inputs=2, n_outputs=1, activation=["identity"] * 3)
    attributions, _ = planted_supernodes(2, 8, 2, rng=0)
    for ending in ENDINGS:
        graph = {".out": chain, ".json": attributions}.get(ending, sample())
        export(graph, tmp_path / f"GRAPH{ending.upper()}")
    assert load_graph(tmp_path / "GRAPH.NPZ").n_edges == 6
    with pytest.raises(
        GraphError, match=r"'.svg' found: one of .gexf, .graphml, .json, .npz, .out is needed"
    ):
        export(sample(), tmp_path / "graph.svg")
    with pytest.raises(GraphError, match="ending '' found"):
        export(sample(), tmp_path / "gexf")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"partition": Partition([0] * 5)}, "5 labels, the graph 6 units"),
        ({"columns": {"a": [1, 2]}}, r"column 'a' has shape \[2\]: .* \[6\]"),
        ({"columns": {"a": 1}}, r"column 'a' has shape \[\]"),
        ({"columns": {"Label": [1] * 6}}, "column 'Label' found: .* are taken"),
        ({"columns": {"module": [1] * 6}}, "are taken; rename it"),
        ({"columns": {"a": [1j] * 6}}, "column 'a' is complex128"),
        ({"columns": {"a": [None] * 6}}, "column 'a' is object"),
    ],
)
@pytest.mark.parametrize("ending", TEXTS)
def test_what_does_not_fit(
    tmp_path: Path, ending: str, arguments: dict[str, Any], text: str
) -> None:
    with pytest.raises(GraphError, match=text):
        export(sample(), tmp_path / f"graph.{ending}", **arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [{"partition": Partition([0] * 6)}, {"columns": {}}])
def test_npz_holds_the_graph_alone(tmp_path: Path, arguments: dict[str, Any]) -> None:
    with pytest.raises(GraphError, match="holds only the graph"):
        export(sample(), tmp_path / "graph.npz", **arguments)


@pytest.mark.parametrize("ending", TEXTS)
def test_what_networkx_reads_is_the_same_graph(tmp_path: Path, ending: str) -> None:
    rng = np.random.default_rng(0)
    matrices = [
        rng.normal(size=shape) * (rng.random(shape) < 0.4) for shape in ((8, 5), (5, 8), (2, 5))
    ]
    for graph in (from_matrices(matrices), sample(np.float64)):
        export(graph, tmp_path / f"graph.{ending}")
        again = from_networkx(read(tmp_path / f"graph.{ending}"))
        assert [(x.name, x.role, x.n_units) for x in again.layers] == [
            (x.name, x.role, x.n_units) for x in graph.layers
        ]
        assert {(x.source, x.target, x.kind) for x in again.blocks} == {
            (x.source, x.target, x.kind) for x in graph.blocks
        }
        np.testing.assert_array_equal(again.weights.indptr, graph.weights.indptr)
        np.testing.assert_array_equal(again.weights.indices, graph.weights.indices)
        np.testing.assert_array_equal(again.weights.data, graph.weights.data)
        np.testing.assert_array_equal(again.positions, graph.positions)
