"""Files of weight agnostic networks: read, refused, written, analysed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import cli

import netsculpt
from netsculpt import AnalysisPlan, NetGraph, from_matrices, paths
from netsculpt.core.errors import (
    FormatError,
    GraphError,
    LimitError,
    NetsculptError,
    NumberError,
    TopologyError,
)
from netsculpt.graph.activations import WANN_ACTIVATIONS
from netsculpt.graph.by_depth import by_depth
from netsculpt.graph.graph import unit_names
from netsculpt.loading import WannOptions


def network(seed: int, n_inputs: int = 4, n_hidden: int = 12, n_outputs: int = 2) -> np.ndarray:
    """A table as the search writes it: [U, U + 1]; hidden units have a source and a target."""
    rng = np.random.default_rng(seed)
    n_units = n_inputs + n_hidden + n_outputs
    table = np.zeros((n_units, n_units + 1))
    possible = np.triu(np.ones((n_units, n_units), bool), 1)
    possible[:, :n_inputs] = possible[n_units - n_outputs :] = False
    kinds = rng.random((n_units, n_units))
    table[:, :-1][possible & (kinds < 0.25)] = rng.normal()
    table[:, :-1][possible & (kinds < 0.05)] = np.nan
    for unit in range(n_inputs, n_units - n_outputs):
        table[rng.integers(unit), unit] = 1.0
        table[unit, rng.integers(unit + 1, n_units)] = -1.5
    table[rng.integers(n_inputs), n_units - n_outputs :][:n_outputs] = 2.0
    table[:, -1] = 1
    table[n_inputs : n_units - n_outputs, -1] = rng.integers(1, 12, n_hidden)
    return table


def written(path: Path, table: np.ndarray) -> Path:
    np.savetxt(path, table, delimiter=",", fmt="%1.2e")
    return path


def edges_of(table: np.ndarray) -> np.ndarray:
    return (table[:, :-1] != 0) & ~np.isnan(table[:, :-1])


def n_paths(edges: np.ndarray, begin: int, end: int) -> int:
    """Paths between two units of the file, each of them walked."""
    return int(begin == end) + sum(n_paths(edges, x, end) for x in np.flatnonzero(edges[begin]))


def longest(edges: np.ndarray, unit: int) -> int:
    """Edges of the longest path that leads to a unit."""
    return max((1 + longest(edges, x) for x in np.flatnonzero(edges[:, unit])), default=0)


def in_file_order(graph: NetGraph) -> np.ndarray:
    place = graph.positions
    matrix = np.zeros((graph.n_units, graph.n_units))
    matrix[place[graph.sources], place[graph.weights.indices]] = graph.weights.data  # type: ignore[index]
    return matrix


@pytest.mark.parametrize("seed", range(8))
def test_a_graph_by_depth(tmp_path: Path, seed: int) -> None:
    table = network(seed)
    edges, n_units = edges_of(table), len(table)
    graph = netsculpt.load(written(tmp_path / "any name", table))
    assert graph.n_edges == edges.sum()
    np.testing.assert_array_equal(in_file_order(graph), edges)  # every weight is 1
    roles = dict(zip(graph.positions.tolist(), range(n_units), strict=True))  # type: ignore[union-attr]
    names = unit_names(graph)
    for unit in range(n_units):
        depth = max(longest(edges, unit), 1)
        kind = "bias" if unit == 0 else "input" if unit < 4 else f"hidden {depth}"
        kind = kind if unit < n_units - 2 else "output"
        assert names[roles[unit]] == f"{kind}[{unit}]"
        activation = WANN_ACTIVATIONS[int(table[unit, -1]) - 1]
        assert graph.attributes["activation"][roles[unit]] == activation
    assert [layer.role for layer in graph.layers[:2]] == ["input", "input"]
    assert graph.provenance[0].parameters["disabled"] == np.isnan(table).sum()
    count = [sum(n_paths(edges, begin, end) for begin in range(4)) for end in range(n_units)]
    np.testing.assert_array_equal(paths.paths_in(graph), [count[x] for x in graph.positions])  # type: ignore[union-attr]


def test_an_input_without_connections_stays_an_input(tmp_path: Path) -> None:
    table = network(3)
    table[3, :-1] = 0
    graph = netsculpt.load(written(tmp_path / "x.out", table))
    assert graph.layer("input").n_units == 3
    assert graph.layer("bias").n_units == 1


def test_a_disabled_connection_shows_what_is_hidden(tmp_path: Path) -> None:
    """Units 2 and 3 have only disabled connections: the one is no input, the other no output."""
    table = np.zeros((5, 6))
    table[:, -1] = [1, 1, 5, 9, 1]
    table[0, 2] = table[3, 4] = np.nan
    table[2, 4] = table[1, 3] = 1
    graph = netsculpt.load(written(tmp_path / "x.out", table))
    assert unit_names(graph) == ["bias[0]", "input[1]", "hidden 1[2]", "hidden 1[3]", "output[4]"]
    assert not np.isin([2, 3], np.flatnonzero(paths.path_centrality(graph))).any()


def test_individual_weights(tmp_path: Path) -> None:
    table = network(5)
    edges = edges_of(table)
    weights = np.random.default_rng(0).normal(size=int(edges.sum()))
    path = written(tmp_path / "x.out", table)
    (tmp_path / "x.wann.json").write_text(json.dumps([weights.tolist(), 932, 0.5]))
    options = WannOptions(weights=tmp_path / "x.wann.json", weight_bias=-1.5)
    graph = netsculpt.load(path, wann=options)
    expected = np.zeros(edges.shape)
    expected[edges] = weights - 1.5  # NumPy's order of a mask is row-major
    np.testing.assert_allclose(in_file_order(graph), expected, rtol=1e-6)
    step = graph.provenance[0].parameters
    assert (step["weights"], step["weight_bias"]) == ("x.wann.json", -1.5)
    ran = cli(
        *("export", path, "--wann-weights", options.weights, "--wann-weight-bias=-1.5"),
        *("-o", tmp_path / "x.npz"),
    )
    assert ran.returncode == 0, ran.stderr
    assert "weights are 1" not in ran.stderr
    without = cli("export", path, "-o", tmp_path / "x.gexf")
    assert "All weights are 1" in without.stderr, "those of the file are left out"
    again = netsculpt.load(tmp_path / "x.npz")
    np.testing.assert_array_equal(again.weights.data, graph.weights.data)
    plan = AnalysisPlan(n_nulls=0, n_seeds=2)
    assert not any("weights are 1" in x for x in netsculpt.analyze(graph, plan, rng=0).notes)


@pytest.mark.parametrize(
    ("content", "error", "text"),
    [
        ([[1.0, 2.0], 3], FormatError, "holds 2 weights, 'x.out' has"),
        ([[1.0, 2.0]], FormatError, "score"),
        ([[1.0, "a"], 3], FormatError, "finite numbers"),
        ([[1.0, [2.0]], 3], FormatError, "finite numbers"),
        ([[1.0], [2.0]], FormatError, "finite numbers"),
        ([[1.0, float("nan")], 3], FormatError, "finite numbers"),
    ],
)
def test_weights_that_do_not_fit(
    tmp_path: Path, content: Any, error: type[NetsculptError], text: str
) -> None:
    path = written(tmp_path / "x.out", network(5))
    (tmp_path / "w.json").write_text(json.dumps(content))
    with pytest.raises(error, match=text):
        netsculpt.load(path, wann=WannOptions(weights=tmp_path / "w.json"))


def test_weights_alone_say_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "w.json").write_text(json.dumps([[1.0, 2.0], 3]))
    with pytest.raises(TopologyError, match=r"2 weights .* --wann-weights w\.json"):
        netsculpt.load(tmp_path / "w.json")
    ran = cli("analyze", tmp_path / "w.json")
    assert (ran.returncode, "which units they connect" in ran.stderr) == (5, True)
    path = written(tmp_path / "x.out", network(5))
    with pytest.raises(FormatError, match="the individual weights"):
        netsculpt.load(path, wann=WannOptions(weights=path))


def test_options_that_do_not_fit(tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", np.eye(3))
    with pytest.raises(FormatError, match="is not a weight agnostic network"):
        netsculpt.load(tmp_path / "w.npy", wann=WannOptions(n_inputs=1))
    path = written(tmp_path / "x.out", network(5))
    with pytest.raises(FormatError, match="leave out the mask file"):
        netsculpt.load(path, mask=tmp_path / "w.npy")
    with pytest.raises(FormatError, match="no weights to add it to"):
        WannOptions(weight_bias=-1.5)
    with pytest.raises(NumberError, match="n_inputs is 0"):
        WannOptions(n_inputs=0)
    with pytest.raises(NumberError, match="weight_bias is nan"):
        WannOptions(weight_bias=float("nan"))
    with pytest.raises(FormatError, match="at most 3 inputs after the bias; 4 are"):
        netsculpt.load(path, wann=WannOptions(n_inputs=4))
    with pytest.raises(FormatError, match=r"there are 3 inputs, and 2 are.*leave --wann-inputs"):
        netsculpt.load(path, wann=WannOptions(n_inputs=2))
    with pytest.raises(FormatError, match=r"there are 2 outputs, and 1 are.*--wann-outputs"):
        netsculpt.load(path, wann=WannOptions(n_outputs=1))
    with pytest.raises(FormatError, match="at most 2 outputs; 3 are"):
        netsculpt.load(path, wann=WannOptions(n_outputs=3))
    ran = cli(
        *("analyze", path, "--model", "nets.py:net", "--example-shape", "1,2", "--wann-inputs", 2)
    )
    assert (ran.returncode, "need no --model" in ran.stderr) == (2, True)


def test_two_readings_are_asked_about(tmp_path: Path) -> None:
    """The last unit computes tanh, and feeds nothing: an output, or hidden and dead."""
    table = network(2)
    table[-1, -1] = 5
    path = written(tmp_path / "x.out", table)
    with pytest.raises(
        TopologyError, match=r"unit 17, tanh, feeding no other.*--wann-outputs"
    ) as e:
        netsculpt.load(path)
    assert e.value.exit_code == 5
    for n_outputs in (1, 2):
        graph = netsculpt.load(path, wann=WannOptions(n_outputs=n_outputs))
        assert graph.layers[-1].n_units == n_outputs
        assert graph.attributes["activation"][-1] == "tanh"
    table[-1, -1], table[3, -1] = 1, 9
    path = written(tmp_path / "y.out", table)
    with pytest.raises(TopologyError, match=r"unit 3, relu, fed by no other.*--wann-inputs"):
        netsculpt.load(path)
    graph = netsculpt.load(path, wann=WannOptions(n_inputs=2))
    assert unit_names(graph, [2, 3]) == ["input[2]", "hidden 1[3]"]
    empty = np.zeros((4, 5))
    empty[:, -1] = 1
    path = written(tmp_path / "z.out", empty)
    with pytest.raises(TopologyError, match="has no connections"):
        netsculpt.load(path)
    assert netsculpt.load(path, wann=WannOptions(n_inputs=2)).layers[-1].n_units == 1


def changed(row: int, column: int, value: str) -> bytes:
    rows = [["0", "0", "1", "1"], ["0", "0", "nan", "1"], ["0", "0", "0", "1"]]
    rows[row][column] = value
    return "\n".join(",".join(x) for x in rows).encode()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"0,1\n0,0\n", "row 0 has 2: .* as many rows as units"),
        (b"0,1,1\n0,0,1,1\n", "row 1 has 4"),
        (changed(1, 0, "1"), "unit 1 feeds unit 0"),
        (changed(1, 1, "nan"), "unit 1 feeds unit 1"),
        (changed(1, 3, "12"), "unit 1 has activation 12"),
        (changed(1, 3, "0"), "unit 1 has activation 0"),
        (changed(1, 3, "1.5"), "unit 1 has activation 1.5"),
        (changed(1, 3, "nan"), "unit 1 has activation nan"),
        (changed(2, 1, "inf"), "infinite"),
        (changed(2, 1, "1e"), "something that is not a number"),
        (changed(2, 1, ""), "something that is not a number"),
        (changed(2, 1, "\x00").replace(b"\n", b"\n" * 600), "something that is not a number"),
        (changed(2, 1, "\xff").replace(b"\n", b"\n" * 600), "something that is not a number"),
    ],
)
def test_damaged_tables(tmp_path: Path, content: bytes, text: str) -> None:
    (tmp_path / "x.out").write_bytes(content)
    with pytest.raises(FormatError, match=text):
        netsculpt.load(tmp_path / "x.out")


def test_a_limit_of_bytes(tmp_path: Path) -> None:
    path = written(tmp_path / "x.out", network(5))
    with pytest.raises(LimitError, match="raise max_bytes"):
        netsculpt.load(path, max_bytes=path.stat().st_size)


@pytest.mark.parametrize("seed", range(8))
def test_what_is_written_is_read_back(tmp_path: Path, seed: int) -> None:
    graph = netsculpt.load(written(tmp_path / "x.out", network(seed)))
    weights = np.random.default_rng(seed).normal(size=graph.n_edges).astype(np.float32)
    netsculpt.export(graph.with_weights(weights), tmp_path / "y.out")
    again = netsculpt.load(tmp_path / "y.out")
    np.testing.assert_array_equal(in_file_order(again), in_file_order(graph))
    assert (again.layers, again.blocks) == (graph.layers, graph.blocks)
    np.testing.assert_array_equal(again.positions, graph.positions)
    np.testing.assert_array_equal(again.attributes["activation"], graph.attributes["activation"])
    stored = np.genfromtxt(tmp_path / "y.out", delimiter=",")[:, :-1]
    edges = np.nan_to_num(stored)
    np.testing.assert_array_equal(edges, in_file_order(graph.with_weights(weights)))


def test_units_without_edges_are_read_back(tmp_path: Path) -> None:
    """Hidden units 2 (unfed) and 3 (idle), and an output (5) without edges."""
    names = ["identity", "identity", "relu", "tanh", "identity", "identity"]
    graph = by_depth([2, 0], [4, 3], n_inputs=2, n_outputs=2, activation=names)
    netsculpt.export(graph, tmp_path / "x.out")
    again = netsculpt.load(tmp_path / "x.out")
    assert unit_names(again) == unit_names(graph)
    np.testing.assert_array_equal(again.weights.toarray(), graph.weights.toarray())


def test_graphs_that_the_format_cannot_hold(tmp_path: Path) -> None:
    mlp = from_matrices([np.eye(3)])
    with pytest.raises(GraphError, match=r"activations '\(none\)'"):
        netsculpt.export(mlp, tmp_path / "x.out")
    graph = netsculpt.load(written(tmp_path / "x.out", network(0)))
    with pytest.raises(GraphError, match="edges of weight 0"):
        netsculpt.export(graph.with_weights(np.zeros(graph.n_edges)), tmp_path / "y.out")
    table = network(0)
    table[1, :-1] = 0
    dead = netsculpt.load(written(tmp_path / "x.out", table)).live()
    with pytest.raises(GraphError, match="without --live"):
        netsculpt.export(dead, tmp_path / "y.out")
    with pytest.raises(GraphError, match=r"\.out holds only the graph"):
        netsculpt.export(graph, tmp_path / "y.out", columns={"a": range(graph.n_units)})
    assert not (tmp_path / "y.out").exists()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"sources": [0, 2], "targets": [2, 1]}, "2 → 1 found: an edge leads to a later unit"),
        ({"targets": [2, 4]}, "units are 0 … 3"),
        ({"sources": [0, 0], "targets": [2, 1]}, "bias and inputs, which have no sources"),
        ({"sources": [0, 2], "n_outputs": 2, "targets": [2, 3]}, "outputs, which feed nothing"),
        ({"sources": [0, 0], "targets": [2, 2]}, "given twice"),
        ({"targets": [2.0, 3.0]}, "targets are float64"),
        ({"targets": [2]}, "one of each per edge"),
        ({"weights": [1.0]}, r"weights have shape \[1\]"),
        ({"n_inputs": 4}, "n_outputs is 1"),
        ({"n_inputs": 0}, "n_inputs is 0"),
    ],
)
def test_edges_that_are_no_network(change: dict[str, Any], text: str) -> None:
    good = {
        "sources": [0, 1],
        "targets": [2, 3],
        "n_inputs": 2,
        "n_outputs": 1,
        "activation": ["identity"] * 4,
    }
    sources, targets, *_ = (both := {**good, **change}).values()
    more = {name: x for name, x in both.items() if name not in ("sources", "targets")}
    with pytest.raises(GraphError, match=text):
        by_depth(sources, targets, **more)


def test_a_random_table_analysed(tmp_path: Path) -> None:
    table = network(1)
    path = written(tmp_path / "x.out", table)
    ran = cli(*("analyze", path, "-o", tmp_path / "out", "--nulls", 19, "--figures", "png"))
    assert ran.returncode == 0, ran.stderr
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert any("All weights are 1" in note for note in summary["notes"])
    rows = (tmp_path / "out" / "units.csv").read_text().splitlines()
    column = rows[0].replace('"', "").split(",").index("activation")
    found = Counter(row.replace('"', "").split(",")[column] for row in rows[1:])
    assert found == Counter(WANN_ACTIVATIONS[int(x) - 1] for x in table[:, -1])


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_outputs_of_one_activation_are_outputs(n_outputs: int, tmp_path: Path) -> None:
    table = network(0, n_outputs=n_outputs)
    table[-n_outputs:, -1] = 5  # tanh
    graph = netsculpt.load(written(tmp_path / "x.out", table))
    assert graph.layers[-1].n_units == n_outputs
    assert set(graph.attributes["activation"][-n_outputs:]) == {"tanh"}
