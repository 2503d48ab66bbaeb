"""Modules by path signatures: shares against enumerated paths, and networks to read."""

from __future__ import annotations

import itertools
import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from graphs import edge_paths, relabelled
from scipy.sparse import csr_array
from sklearn.metrics import silhouette_score

from netsculpt import NetGraph, Partition, from_matrices, planted
from netsculpt.core.errors import GraphError
from netsculpt.graph.circuits import compile_circuit, parse_circuit
from netsculpt.graph.graph import Block, Layer
from netsculpt.modules import path_signature
from netsculpt.modules.detectors._path_signature import input_groups, output_functions
from netsculpt.modules.detectors._path_signature.path_shares import (
    log_even_squares,
    log_path_weights,
    log_squares,
    received,
    sent,
    share_through,
)
from netsculpt.modules.detectors._path_signature.served_functions import PathShares

sys.path.insert(0, str(Path(__file__).parents[1] / "analyses"))

from patil2023.tables import print_side_by_side, side_by_side

# ---- helpers -----------------------------------------------------------------------------------


def random_dag(seed: int, widths=(3, 4, 3, 2), density=0.6) -> NetGraph:
    """Layers with skips over any number of layers and some stored zeros, all units live."""
    rng = np.random.default_rng(seed)
    bounds = np.concatenate([[0], np.cumsum(widths)])
    n = int(bounds[-1])
    layer_of = np.repeat(np.arange(len(widths)), widths)
    kept = (layer_of[:, None] < layer_of) & (rng.random((n, n)) < density)
    weights = rng.standard_normal((n, n)) * (rng.random((n, n)) < 0.9)
    rows, columns = np.nonzero(kept)
    matrix = csr_array((weights[rows, columns], (rows, columns)), shape=(n, n))
    roles = ["input", *["hidden"] * (len(widths) - 2), "output"]
    layers = tuple(
        Layer(f"l{at}", role, (width,), int(bounds[at]), int(bounds[at + 1]))
        for at, (role, width) in enumerate(zip(roles, widths, strict=True))
    )
    blocks = tuple(
        Block(a.name, b.name, None, "linear", a.n_units * b.n_units)
        for a, b in itertools.combinations(layers, 2)
    )
    return NetGraph(matrix, None, layers, blocks).live()


def same(found, expected) -> bool:
    return Partition(np.asarray(found)).labels.tolist() == Partition(expected).labels.tolist()


def functions_of(graph: NetGraph) -> np.ndarray:
    functions = np.full(graph.n_units, -1)
    functions[graph.outputs] = np.arange(graph.outputs.size)
    return functions


# ---- shares of paths, against their enumeration ------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_share_received_is_the_share_of_path_weight_through_a_unit(seed):
    graph = random_dag(seed)
    squares = graph.weights.data.astype(np.float64) ** 2
    logs = log_squares(graph)
    shares = received(graph, logs, log_path_weights(graph, logs))
    found = share_through(graph, shares, functions_of(graph))
    for column, output in enumerate(graph.outputs):
        through, whole = np.zeros(graph.n_units), 0.0
        for path in edge_paths(graph, graph.inputs, [output]):
            weight = squares[path].prod()
            whole += weight
            through[np.append(graph.sources[path], output)] += weight
        expected = through / whole if whole else np.eye(graph.n_units)[output]
        np.testing.assert_allclose(found[:, column], expected, atol=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_share_sent_is_where_walks_end(seed):
    graph = random_dag(seed)
    squares = graph.weights.data.astype(np.float64) ** 2
    found = share_through(graph, sent(graph, log_squares(graph)), functions_of(graph))
    out = np.bincount(graph.sources, squares, graph.n_units)
    step = np.divide(squares, out[graph.sources], where=out[graph.sources] > 0, out=0 * squares)
    for unit in range(graph.n_units):
        for column, output in enumerate(graph.outputs):
            expected = sum(step[path].prod() for path in edge_paths(graph, [unit], [output]))
            assert found[unit, column] == pytest.approx(expected, abs=1e-12)


def test_outputs_of_one_function_are_averaged():
    graph = random_dag(3)
    ones = np.zeros(graph.n_edges)
    edges = received(graph, ones, log_path_weights(graph, ones))
    alone = share_through(graph, edges, functions_of(graph))
    together = share_through(graph, edges, np.minimum(functions_of(graph), 0))
    np.testing.assert_allclose(together[:, 0], alone.mean(axis=1))


def test_deep_and_extreme_weights_do_not_overflow():
    rng = np.random.default_rng(0)
    matrices = [rng.normal(size=(5, 5)) * 10.0 ** (40 if at % 2 else -30) for at in range(40)]
    graph = from_matrices(matrices)
    shares = PathShares.of(graph, functions_of(graph), log_even_squares(graph))
    for each in (shares.strength, shares.chance, shares.routes):
        assert np.isfinite(each).all()
        for layer in graph.layers[:-1]:
            total = each[layer.units].sum(axis=0 if each is not shares.chance else 1)
            np.testing.assert_allclose(total, 1, rtol=1e-9)


def rescaled(graph: NetGraph, seed: int, *, most: float = 10) -> NetGraph:
    """ReLU units with all they read times c and all they send over c compute the same."""
    rng, factor = np.random.default_rng(seed), np.ones(graph.n_units)
    hidden = np.setdiff1d(np.arange(graph.n_units), [*graph.inputs, *graph.outputs])
    factor[hidden] = most ** rng.uniform(-1, 1, size=hidden.size)
    scaled = graph.weights.data * factor[graph.weights.indices] / factor[graph.sources]
    return graph.with_weights(scaled)


@pytest.mark.parametrize("seed", range(4))
def test_shares_know_no_scale_of_units(seed):
    graph = random_dag(seed, (3, 4, 5, 3, 2))
    other = rescaled(graph, seed)
    one, other = (PathShares.of(x, functions_of(x), log_even_squares(x)) for x in (graph, other))
    np.testing.assert_allclose(other.strength, one.strength, atol=1e-6)
    np.testing.assert_allclose(other.chance, one.chance, atol=1e-6)
    np.testing.assert_array_equal(other.routes, one.routes)


@pytest.mark.parametrize("seed", range(4))
def test_even_units_have_paths_of_weight_one(seed):
    graph = random_dag(seed)
    squares = np.exp(log_even_squares(graph))
    means = []
    for unit in np.setdiff1d(np.arange(graph.n_units), [*graph.inputs, *graph.outputs]):
        weights = [squares[path].prod() for path in edge_paths(graph, graph.inputs, [unit])]
        means.append(np.mean(weights))
    means = [mean for mean in means if mean > 0]  # 0: all its paths hold a weight of 0
    np.testing.assert_allclose(means, 1, rtol=1e-5)
    scaled = np.exp(log_even_squares(rescaled(graph, seed)))
    carries = np.isfinite(log_path_weights(graph, log_squares(graph)))[graph.sources]
    np.testing.assert_allclose(scaled[carries], squares[carries], rtol=1e-4)


def test_equal_weights_are_even():
    graph, _ = planted([4, 5, 6, 3], 2, 0.9, 0.2, rng=0)
    np.testing.assert_allclose(log_even_squares(graph.live()), 0, atol=1e-9)


# ---- which outputs are one function ------------------------------------------------------------


def grouped(rows) -> list[int]:
    graph = from_matrices([np.eye(np.shape(rows)[1]), np.asarray(rows, dtype=float)])
    functions = output_functions.output_functions(graph, graph.outputs, log_even_squares(graph))
    labels: list[int] = functions.tolist()
    return labels


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[1, 2], [1, 2], [1.01, -1]], [0, 0, 1]),
        ([[1, 2], [-1, -2], [2, 1]], [0, 0, 1]),  # a negation is the same function
        ([[1, 2], [1.05, 2.05]], [0, 0]),  # 1 − Dice = .001
        ([[1, 0], [1.2, 0]], [0, 1]),  # .016: one unit, two thresholds
        ([[1, 1, 0], [1, 0, 1], [0, 1, 1]], [0, 1, 2]),  # all alike, none the same
        ([[3.0]], [0]),
    ],
)
def test_outputs_with_equal_weights_are_one_function(rows, expected):
    assert same(grouped(rows), expected)


def test_four_outputs_may_be_alike_where_others_are_not():
    alike = [[3, 2, 0, 0], [3, 3, 0, 0], [2, 3, 0.1, 0]]
    assert same(grouped([*alike, [0, 0, 1, 2], [0, 0, 2, 2]]), [0, 0, 0, 1, 1])
    equally_far = 1 - np.eye(4)
    assert same(grouped(equally_far), [0, 1, 2, 3])


def test_a_pair_of_outputs_that_is_only_more_alike_is_two_functions():
    """Functions of a family share a part; the uses of one function hardly differ."""
    families = [[2, 0, 1, 0, 0, 0], [2, 1, 0, 0, 0, 0], [0, 0, 0, 2, 0, 1], [0, 0, 0, 2, 1, 0]]
    assert same(grouped(families), [0, 1, 2, 3])
    uses = [[2, 0.7, 1, 0], [2, 1, 0.7, 0], [0, 0.1, 1, 2], [0, 0, 1.4, 2]]
    assert same(grouped(uses), [0, 0, 1, 1])


@pytest.mark.parametrize("seed", range(10))
def test_silhouette_agrees_with_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(12, 3))
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    labels = rng.permutation(np.arange(12) % rng.integers(2, 8))
    expected = silhouette_score(distances, labels, metric="precomputed")
    assert output_functions._silhouette(distances, labels) == pytest.approx(expected, abs=1e-9)


# ---- parts below the functions -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "read"), [((2, 2), (2, 2)), ((3, 2), (2, 1, 2)), ((2, 2, 1), (2,))]
)
def test_expected_divisions_are_counted(sizes, read):
    """Every way to divide the inputs, every draw of what the units read."""
    n = sum(sizes)
    labelled = itertools.product(range(len(sizes)), repeat=n)
    divisions = {
        frozenset(frozenset(np.flatnonzero(np.array(each) == k)) for k in range(len(sizes)))
        for each in labelled
        if sorted(each.count(k) for k in range(len(sizes))) == sorted(sizes)
    }
    draws = list(itertools.product(*(itertools.combinations(range(n), d) for d in read)))
    kept = sum(
        all(any(set(unit) <= part for part in division) for unit in draw)
        for draw in draws
        for division in divisions
    )
    found = input_groups._log_expected(np.array(sizes), np.array(read))
    assert found == pytest.approx(math.log(kept / len(draws)))


def joined(n_inputs: int, n_units: int) -> NetGraph:
    """Two parts of so many inputs and units, both read by each of two functions."""
    first = np.kron(np.eye(2), np.ones((n_units, n_inputs)))
    last = np.kron([[1, -1], [1, 1]], np.ones((1, n_units)))
    return from_matrices([first, last])


def test_parts_that_serve_a_common_function_are_modules():
    labels = path_signature(joined(4, 2)).labels.tolist()
    assert labels == [*[0] * 4, *[1] * 4, 0, 0, 1, 1, 2, 3]


def test_parts_that_random_wiring_would_give_are_none():
    labels = path_signature(joined(2, 1)).labels.tolist()  # two XORs that one function joins
    assert labels == [*[0] * 6, 1, 2]


def test_parts_with_functions_of_their_own_are_not_split_off():
    blocks = np.kron(np.eye(2), np.ones((4, 4)))
    assert path_signature(from_matrices([blocks, blocks])).n_modules == 2


def compiled(text: str) -> tuple[NetGraph, Partition]:
    circuit = compile_circuit(parse_circuit(text))
    return from_matrices(circuit.weights), circuit.truth


@pytest.mark.parametrize(
    "text",
    [
        "u = a & b\nv = c | d\nx = u & v",
        "u = a ^ b\nv = c ^ d\nx = u & v",
        "u = (a & b) | c\nv = d | e\nx = u & v",
        "u = a & b\nv = c | d\nw = e & f\nx = u & v & w",
        "u = a & b\nv = c | d\nx = u & v & e",  # e belongs to the gate that joins the others
    ],
)
def test_trees_of_gates_show_their_functions(text):
    graph, truth = compiled(text)
    assert same(path_signature(graph).labels, truth.labels)


def test_a_gate_that_two_functions_read_is_no_tree():
    """Chance wiring: two gates of two inputs each, both read by two outputs."""
    graph, _ = compiled("u = a & b\nv = c | d\nx = u & v\ny = u & ~v")
    assert input_groups.input_groups(graph.live()).tolist() == [0, 0, 0, 0]


def test_parts_of_different_functions_join_nothing():
    """Inputs 0, 1 and 2, 3 are read apart; 2 alone serves both functions of its part."""
    first = [[1, 1, 0, 0], [1, 1, 0, 0], [1, 2, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1], [0, 0, 2, 3]]
    last = [[1, 1, 1, 0, 0, 0], [0, 0, 0, 2, 0, 0], [0, 0, 0, 1, 1, 1]]
    labels = path_signature(from_matrices([first, last])).labels
    assert same(labels[:4], [0, 0, 1, 2])


# ---- networks to read --------------------------------------------------------------------------


def shared(only_one, only_two, both, *, noise=0.0, idle=0.0, seed=0):
    """Two functions, used twice each, with inputs of their own and in common; truth of inputs."""
    rng = np.random.default_rng(seed)
    reads = np.array([[1, 0, 1], [0, 1, 1]]).repeat([only_one, only_two, both], axis=1)
    first = reads.repeat(3, axis=0) * rng.normal(1, noise, (6, reads.shape[1]))
    if idle:
        first[3, 0] = idle  # a kept edge from an input of one to a unit of two
    last = np.kron(np.eye(2), np.ones((2, 1))).repeat(3, axis=1)
    return from_matrices([first, last]), np.repeat([0, 1, 2], [only_one, only_two, both])


@pytest.mark.parametrize("idle", [0.0, 0.05, -0.4])
def test_idle_edges_do_not_count(idle):
    graph, truth = shared(1, 1, 3, noise=0.1, idle=idle)
    labels = path_signature(graph).labels
    assert same(labels[:5], truth)
    assert labels[-4:].tolist() == [labels[0]] * 2 + [labels[1]] * 2
    assert set(labels[5:11].tolist()) == {labels[0], labels[1]}


def test_an_edge_as_strong_as_the_others_counts():
    graph, _ = shared(1, 1, 3, noise=0.1, idle=1.0)
    served = path_signature(graph, idle=0.0).labels
    assert served[0] == served[2], "with no idle path the input serves both"


@pytest.mark.parametrize("sizes", [(2, 2, 2), (20, 1, 1), (3, 3, 30), (1, 12, 3)])
def test_functions_of_unlike_size_keep_what_they_share(sizes):
    graph, truth = shared(*sizes, noise=0.1)
    assert same(path_signature(graph).labels[: truth.size], truth)


def test_reused_function_is_a_module_without_outputs():
    last = np.array([[1, 1], [1, -1]]).repeat(2, axis=0)
    found = path_signature(from_matrices([np.ones((2, 4)), last]))
    assert found.labels.tolist() == [*[0] * 6, 1, 1, 2, 2]


def test_one_function_is_one_module():
    assert path_signature(from_matrices([np.ones((3, 4)), np.ones((4, 3))])).n_modules == 1


def test_planted_modules_of_a_pruned_network():
    graph, truth = planted([12, 12, 12, 12], 3, 1.0, 0.0, skips=1.0, rng=0)
    rng = np.random.default_rng(1)
    noisy = graph.with_weights(rng.uniform(0.5, 1.5, graph.n_edges))
    assert same(path_signature(noisy).labels, truth.labels)


# ---- edges of the domain -----------------------------------------------------------------------


def test_no_edges_no_modules():
    found = path_signature(from_matrices([np.zeros((3, 2)), np.zeros((2, 3))]))
    assert found.labels.tolist() == [-1] * 7
    assert found.n_modules == 0


def test_dead_outputs_and_inputs_have_no_module():
    found = path_signature(from_matrices([[[1.0, 0.0], [0.0, 0.0]]]))
    assert found.labels.tolist() == [0, -1, 0, -1]


def test_stored_zeros_are_edges():
    """A network whose kept weights are all 0 has the modules of its mask."""
    mask = np.kron(np.eye(2), np.ones((2, 2)))
    graph = from_matrices([0 * mask, 0 * mask], masks=[mask, mask])
    labels = path_signature(graph).labels
    assert labels.min() == 0
    assert same(labels[:4], [0, 0, 1, 1])


@pytest.mark.parametrize("idle", [-0.1, 1.0, float("nan")])
def test_idle_is_a_fraction(idle):
    with pytest.raises(GraphError, match="idle is"):
        path_signature(from_matrices([np.eye(2)]), idle=idle)


@pytest.mark.parametrize("seed", range(10))
def test_what_a_network_computes_decides(seed):
    """Units scaled by up to 1000, outputs by what all their edges share: the same modules."""
    rng = np.random.default_rng(seed)
    graph = random_dag(seed, rng.integers(2, 7, size=4), rng.uniform(0.3, 0.9))
    other = rescaled(graph, seed, most=1000)
    assert path_signature(other).labels.tolist() == path_signature(graph).labels.tolist()


@pytest.mark.parametrize("seed", range(25))
def test_random_networks_are_labelled_and_know_no_unit_numbers(seed):
    rng = np.random.default_rng(seed)
    graph = random_dag(seed, rng.integers(1, 7, size=rng.integers(2, 6)), rng.uniform(0.3, 0.9))
    found = path_signature(graph, rng=seed)
    assert (found.labels >= 0).all()
    other, old = relabelled(graph, rng)
    assert same(path_signature(other).labels[np.argsort(old)], found.labels)


def test_many_outputs():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(10, 40)).repeat(30, axis=0)
    graph = from_matrices([np.eye(40), rows * rng.normal(1, 0.001, rows.shape)])
    assert same(path_signature(graph).labels[-300:], np.arange(10).repeat(30))


# ---- the analysis ------------------------------------------------------------------------------


def test_detectors_stand_side_by_side(capsys):
    about = {"study": "overlap", "name": "3 shared inputs", "uses": 1, "single": False}
    met = [("a", 1, True), ("a", 2, False), ("b", 1, True), ("b", 2, True)]
    rows = pd.DataFrame(
        {**about, "first_listed": True, "hidden_layers": layers, "detector": name}
        | dict.fromkeys(("inputs", "outputs", "hidden", "reused"), found)
        for name, layers, found in met
    )
    again = rows.assign(first_listed=False, inputs=False)
    cells = side_by_side(pd.concat([rows, again]))
    inputs = cells[cells["criterion"] == "inputs"].set_index("hidden_layers")
    assert inputs["a"].to_dict() == {"1": 1.0, "2": 0.0, "all": 0.5}
    assert inputs["b"].to_dict() == {"1": 1.0, "2": 1.0, "all": 1.0}
    assert inputs["networks"].to_dict() == {"1": 1, "2": 1, "all": 2}
    assert set(cells["criterion"]) == {"inputs", "outputs", "hidden"}
    print_side_by_side(cells)
    assert "0.50" in capsys.readouterr().out


@pytest.mark.parametrize(("depth", "weight"), [(100, 1e-4), (3, 1e-110), (3, 1e110)])
def test_weights_of_any_scale(depth: int, weight: float) -> None:
    """Edges that lead to no output may be larger, evened, than a float can be."""
    graph = from_matrices([weight * np.eye(4)] * depth)
    assert path_signature(graph).labels.tolist() == [0, 1, 2, 3] * (depth + 1)
