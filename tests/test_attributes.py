"""What units are: columns of a graph that everything carries."""

from __future__ import annotations

import pickle
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import igraph
import networkx as nx
import numpy as np
import pytest

import netsculpt
from netsculpt import AnalysisPlan, NetGraph, from_matrices
from netsculpt.core.errors import FormatError, GraphError, NetsculptError
from netsculpt.graph.exporting import export
from netsculpt.graph.interop import from_networkx, to_igraph, to_networkx, unit_columns
from netsculpt.graph.npz import save
from netsculpt.loading.formats.graph import load_graph

COLUMNS = {
    "activation": np.array(["", "identity", "relu", "σ", "tanh|relu", "identity"]),
    "token": np.array([-1, 0, 7, 3, 2, 1], np.int16),
    "kept": np.array([True, False, True, True, False, True]),
    "scale": np.array([0.5, np.nan, np.inf, 1, 2, 3]),
}


def sample(columns: Any = COLUMNS) -> NetGraph:
    """Units 0 … 5; hidden unit 3 feeds nothing."""
    graph = from_matrices([[[1.0, -2.0], [0.5, 3.0], [2.0, 0.0]], [[1.0, 0.0, -1.0]]])
    return replace(graph, attributes=columns)


def assert_carried(graph: NetGraph, units: Any = slice(None)) -> None:
    assert list(graph.attributes) == list(COLUMNS)
    for name, values in COLUMNS.items():
        carried = graph.attributes[name]
        assert carried.dtype == values.dtype
        np.testing.assert_array_equal(carried, values[units])
        assert not carried.flags.writeable


def test_every_view_and_subset_carries_them() -> None:
    graph = sample()
    assert_carried(graph)
    for same in (graph.pattern, graph.magnitude, graph.balanced, graph.with_step):
        assert_carried(same if isinstance(same, NetGraph) else same(graph.provenance[0]))
    assert_carried(graph.live(), [0, 1, 2, 4, 5])
    assert_carried(netsculpt.graph.streams.without_stream_edges(graph))
    assert_carried(pickle.loads(pickle.dumps(graph)))
    with pytest.raises(TypeError):
        graph.attributes["other"] = COLUMNS["token"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"activation": ["relu"]}, r"has shape \[1\]: one value per unit is needed, \[6\]"),
        ({"a": np.zeros((6, 1))}, r"shape \[6, 1\]"),
        ({"a": np.zeros(6, complex)}, "holds complex128"),
        ({"a": [b"x"] * 6}, "holds "),
        ({"a": [None] * 6}, "holds object"),
        ({"a": ["\ud800"] * 6}, "not text"),
        ({"a b": np.zeros(6)}, "letters, digits and _"),
        ({"": np.zeros(6)}, "letters, digits and _"),
        ({"x" * 101: np.zeros(6)}, "at most 100"),
        ({3: np.zeros(6)}, "the name of a column is needed"),
        ({"Position": np.zeros(6)}, "are taken"),
        ({"a": np.zeros(6), "A": np.zeros(6)}, "twice but for case"),
    ],
)
def test_columns_that_are_refused(columns: Any, text: str) -> None:
    with pytest.raises(GraphError, match=text):
        sample(columns)


def test_files_hold_them_and_are_the_same_without(tmp_path: Path) -> None:
    save(sample(), tmp_path / "graph.npz")
    assert_carried(load_graph(tmp_path / "graph.npz"))
    loaded = netsculpt.load(tmp_path / "graph.npz")
    assert_carried(loaded)
    save(sample({}), tmp_path / "without.npz")
    names = set(zipfile.ZipFile(tmp_path / "graph.npz").namelist())
    fewer = set(zipfile.ZipFile(tmp_path / "without.npz").namelist())
    assert names - fewer == {f"attribute_{name}.npy" for name in COLUMNS}
    assert not load_graph(tmp_path / "without.npz").attributes


def damaged(path: Path, array: Any, name: str = "attribute_activation.npy") -> Path:
    save(sample(), path)
    with zipfile.ZipFile(path) as archive:
        members = {x: archive.read(x) for x in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            if member != name:
                archive.writestr(member, content)
        with archive.open(name, "w") as stream:
            np.lib.format.write_array(stream, array, allow_pickle=False)
    return path


@pytest.mark.parametrize(
    ("array", "name", "error"),
    [
        (np.zeros(5), "attribute_activation.npy", GraphError),
        (np.zeros((6, 1)), "attribute_activation.npy", FormatError),
        (np.zeros(6, complex), "attribute_activation.npy", FormatError),
        (np.zeros(6, "S3"), "attribute_activation.npy", FormatError),
        (np.full(6, 0x110000, np.uint32).view("<U1"), "attribute_activation.npy", GraphError),
        (np.full(6, 0xD800, np.uint32).view("<U1"), "attribute_activation.npy", GraphError),
        (np.zeros(6), "attribute_.npy", GraphError),
        (np.zeros(6), "attribute_layer.npy", GraphError),
        (np.zeros(6), "activation.npy", FormatError),
    ],
)
def test_damaged_files(tmp_path: Path, array: Any, name: str, error: type[NetsculptError]) -> None:
    path = damaged(tmp_path / "graph.npz", array, name)
    with pytest.raises(error) as caught:
        netsculpt.load(path)
    assert caught.value.exit_code == 3


def test_other_libraries_see_them(tmp_path: Path) -> None:
    graph = sample()
    columns = unit_columns(graph)
    other = to_networkx(graph)
    assert other.nodes[4]["activation"] == "tanh|relu"
    assert other.nodes[4]["kept"] is False
    assert_carried(from_networkx(other))
    assert to_igraph(graph).vs["token"] == columns["token"]
    for ending in ("graphml", "gexf"):
        export(graph, tmp_path / f"graph.{ending}", columns={"depth": np.arange(6)})
        with pytest.raises(GraphError, match="the graph has an attribute of that name"):
            export(graph, tmp_path / f"other.{ending}", columns={"Token": np.arange(6)})
    graphml = nx.read_graphml(tmp_path / "graph.graphml").nodes
    gexf = nx.read_gexf(tmp_path / "graph.gexf", version="1.3").nodes
    for nodes in (graphml, gexf):
        for name in ("activation", "token", "kept"):
            assert [nodes[unit][name] for unit in nodes] == COLUMNS[name].tolist()
    assert igraph.Graph.Read_GraphML(str(tmp_path / "graph.graphml")).vs["activation"][2] == "relu"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"activation": 3}, "a value of type str"),
        ({"token": 0.5}, "a value of type Integral"),
        ({"token": 1 << 20}, "beyond <i2"),
        ({"kept": "yes"}, "a value of type bool"),
        ({"scale": None}, "a value of type Real"),
    ],
)
def test_networkx_graphs_that_were_changed(change: dict[str, Any], text: str) -> None:
    other = to_networkx(sample())
    other.nodes[3].update(change)
    with pytest.raises(GraphError, match=text):
        from_networkx(other)


def test_a_longer_name_in_networkx_is_not_cut() -> None:
    other = to_networkx(sample())
    other.nodes[3]["activation"] = "a name that is longer than all others"
    assert from_networkx(other).attributes["activation"][3] == other.nodes[3]["activation"]


def test_the_table_of_units_shows_them() -> None:
    columns = {**COLUMNS, "depth": np.arange(6)}
    plan = AnalysisPlan(n_nulls=0, n_seeds=2)
    units = netsculpt.analyze(sample(columns), plan, rng=0).units()
    assert units["activation"].tolist() == COLUMNS["activation"].tolist()
    assert units["attribute_depth"].tolist() == [0, 1, 2, 3, 4, 5]
    assert units["depth"].tolist() == [0, 0, 1, 1, 1, 2]
