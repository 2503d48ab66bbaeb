"""Effective units, path core, path-kernel trace, spectra: against their definitions."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
from graphs import edge_paths
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt import paths
from netsculpt.core.errors import GraphError
from netsculpt.graph.graph import WIRING, Block, Layer, NetGraph
from netsculpt.graph.matrices import from_matrices

SEEDS = range(8)


def dense(*widths: int) -> NetGraph:
    return from_matrices([np.ones((after, before)) for before, after in pairwise(widths)])


def random_dag(
    seed: int, widths: tuple[int, ...] = (3, 4, 3, 4, 3), density: float = 0.5
) -> NetGraph:
    """Layers, a wiring skip from layer 1 to 3 and a plain skip from the inputs to the outputs."""
    rng = np.random.default_rng(seed)
    bounds = np.cumsum([0, *widths])
    last = len(widths) - 1
    layers = tuple(
        Layer(f"l{i}", "hidden" if 0 < i < last else "output" if i else "input", (width,), a, b)
        for i, (width, (a, b)) in enumerate(zip(widths, pairwise(bounds.tolist()), strict=True))
    )
    matrix = np.full((bounds[-1], bounds[-1]), np.nan)
    blocks = []
    for i, j in [*pairwise(range(last + 1)), (1, 3), (0, last)]:
        values = rng.normal(size=(widths[i], widths[j]))
        values[rng.random(values.shape) < 0.2] = 0.0
        values[rng.random(values.shape) >= density] = np.nan
        kind, size = "linear", values.size
        if (i, j) == (1, 3):
            values, kind, size = np.where(np.eye(*values.shape), 1.0, np.nan), WIRING, 0
        matrix[bounds[i] : bounds[i + 1], bounds[j] : bounds[j + 1]] = values
        blocks.append(Block(f"l{i}", f"l{j}", None, kind, size))
    stored = csr_array(~np.isnan(matrix))
    weights = csr_array((matrix[~np.isnan(matrix)], stored.indices, stored.indptr), matrix.shape)
    return NetGraph(weights, None, layers, tuple(blocks))


# Effective units and edges


def enumerated(graph: NetGraph) -> list[list[int]]:
    """Every input→output path, as its edges."""
    return list(edge_paths(graph, graph.inputs, graph.outputs))


@pytest.mark.parametrize("n_layers", [2, 5])
def test_one_true_path(n_layers: int) -> None:
    """Everything else leads nowhere, comes from nowhere, or both."""
    masks = [np.zeros((4, 4)) for _ in range(n_layers)]
    for mask in masks:
        mask[1, 1] = 1
    masks[0][2, 0] = 1  # a dead end
    masks[-1][3, 3] = 1  # out of nowhere
    graph = from_matrices(masks)
    found = paths.effective(graph)
    assert paths.path_total(graph.pattern) == 1
    assert found.edges.sum() == n_layers
    hidden = [found.units[layer.units].sum() for layer in graph.layers if layer.role == "hidden"]
    assert sum(hidden) == n_layers - 1
    assert found.units.sum() == n_layers + 1
    assert found.disconnected_outputs == ("output[0]", "output[2]", "output[3]")
    assert found.dead_units["input"] == ("input[0]", "input[2]", "input[3]")
    assert found.collapsed_layers == ()


@pytest.mark.parametrize("seed", SEEDS)
def test_effective_equals_enumeration(seed: int) -> None:
    graph = random_dag(seed, density=0.3)
    found = paths.effective(graph)
    edges = np.zeros(graph.n_edges, bool)
    edges[[edge for path in enumerated(graph) for edge in path]] = True
    assert found.edges.tolist() == edges.tolist()
    units = np.zeros(graph.n_units, bool)
    units[graph.sources[edges]] = units[graph.weights.indices[edges]] = True
    assert found.units.tolist() == units.tolist()
    assert found.edges.tolist() == (paths.edge_path_weight(graph.pattern) > 0).tolist()
    table = found.table()
    assert table["dead"].sum() == (~units).sum() == sum(map(len, found.dead_units.values()))
    assert table["effective"].sum() == units.sum()
    json.dumps(found.summary())


def test_effective_names_what_collapsed() -> None:
    graph = from_matrices([np.ones((2, 2)), np.zeros((1, 2)), np.ones((2, 1))])
    found = paths.effective(graph)
    assert found.collapsed_layers == ("input", "hidden1", "hidden2", "output")
    assert found.collapsed_blocks == ("input→hidden1", "hidden1→hidden2", "hidden2→output")
    assert not found.edges.any()
    assert len(found.warnings()) == 3
    assert any("output[1]" in text for text in found.warnings())
    assert paths.effective(dense(3, 3)).warnings() == []
    cut = paths.effective(graph.live())
    assert cut.collapsed_layers == found.collapsed_layers
    assert cut.dead_units == {}


def test_effective_names_positions_in_the_model() -> None:
    graph = from_matrices([np.array([[0.0], [1.0]]), np.array([[1.0, 1.0], [0.0, 0.0]])]).live()
    assert paths.path_core(graph, tau=1).names == ("input[0]",)
    assert paths.effective(graph).dead_units == {}


# Path-kernel trace


@pytest.mark.parametrize("seed", SEEDS)
def test_path_kernel_trace_equals_enumeration(seed: int) -> None:
    graph = random_dag(seed)
    parameter = np.ones(graph.n_edges, bool)
    parameter[graph.block_edges("l1", "l3")] = False
    weights = graph.weights.data
    trace = sum(
        math.prod(float(weights[other]) for other in path if other != edge) ** 2
        for path in enumerated(graph)
        for edge in path
        if parameter[edge]
    )
    assert (weights == 0).any()
    assert paths.path_kernel_trace(graph) == pytest.approx(trace, rel=1e-12)
    assert paths.path_kernel_trace(graph.magnitude) == pytest.approx(trace, rel=1e-12)
    assert paths.log10_path_kernel_trace(graph) == pytest.approx(math.log10(trace), rel=1e-12)


def test_path_kernel_trace_counts_a_kept_weight_of_zero() -> None:
    graph = from_matrices([np.zeros((1, 1)), np.full((1, 1), 3.0)], [np.ones((1, 1))] * 2)
    assert paths.path_kernel_trace(graph) == 9


# Path core


@pytest.mark.parametrize(
    ("widths", "tau", "score"),
    [((20, 16, 5, 16, 10), 0.9, Fraction(4, 9)), ((8, 3, 8), 1, Fraction(5, 8))],
)
def test_hourglass_of_dense_layers(widths: tuple[int, ...], tau: float, score: Fraction) -> None:
    core = paths.path_core(dense(*widths), tau=tau)
    assert core.hourglass == pytest.approx(float(score), rel=1e-12)
    assert core.covered[-1] >= tau - 1e-12


@pytest.mark.parametrize("tau", ["0.1", "0.3", "0.55", "0.6", "0.7", "0.8", "0.9", "0.95", "1"])
@pytest.mark.parametrize("widths", [(10, 20, 10), (7, 5, 30, 10), (20, 10, 40, 50), (3, 3)])
@pytest.mark.parametrize("weight", [1.0, 0.7])
def test_core_of_dense_layers_by_formula(tau: str, widths: tuple[int, ...], weight: float) -> None:
    """⌈τ min w⌉ in decimals: 0.7 of 10 is 7, though binary fractions differ."""
    graph = dense(*widths)
    core = paths.path_core(graph.with_weights(np.full(graph.n_edges, weight)), tau=float(tau))
    narrowest, ends = min(widths), min(widths[0], widths[-1])
    assert core.size == math.ceil(Fraction(tau) * narrowest)
    assert core.flat_size == math.ceil(Fraction(tau) * ends)
    first = graph.layers[widths.index(narrowest)].start
    assert core.units.tolist() == list(range(first, first + core.size)), "lowest unit first"
    curve = np.arange(1, core.size + 1) / narrowest
    np.testing.assert_allclose(core.covered, curve, rtol=1e-12)


def naive_core(graph: NetGraph, tau: str) -> list[int]:
    """Greedy over the enumerated paths."""
    ends = graph.sources, graph.weights.indices
    left = [{int(end[edge]) for edge in path for end in ends} for path in enumerated(graph)]
    allowed, taken = (1 - Fraction(tau)) * len(left), []
    while len(left) > allowed:
        counts = [sum(unit in path for path in left) for unit in range(graph.n_units)]
        taken.append(counts.index(max(counts)))
        left = [path for path in left if taken[-1] not in path]
    return taken


def naive_flat_size(graph: NetGraph, tau: str) -> int:
    """Greedy over the ends of the enumerated paths."""
    first = [graph.sources[path[0]] for path in enumerated(graph)]
    last = [graph.weights.indices[path[-1]] for path in enumerated(graph)]
    left = [{int(a), int(b)} for a, b in zip(first, last, strict=True)]
    allowed, size = (1 - Fraction(tau)) * len(left), 0
    while len(left) > allowed:
        counts = [sum(unit in path for path in left) for unit in range(graph.n_units)]
        left = [path for path in left if counts.index(max(counts)) not in path]
        size += 1
    return size


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("tau", ["0.5", "0.9", "1.0"])
def test_core_equals_greedy_enumeration(seed: int, tau: str) -> None:
    graph = random_dag(seed).pattern
    core = paths.path_core(graph, tau=float(tau))
    assert core.units.tolist() == naive_core(graph, tau)
    assert core.flat_size == naive_flat_size(graph, tau)
    assert (np.diff(core.covered) > 0).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_full_core_is_at_least_the_smallest_vertex_cut(seed: int) -> None:
    graph = random_dag(seed, density=0.4)
    net = nx.DiGraph()
    net.add_edges_from((("in", u), ("out", u), {"capacity": 1}) for u in range(graph.n_units))
    net.add_edges_from(
        (("out", int(u)), ("in", int(v)))
        for u, v in zip(graph.sources, graph.weights.indices, strict=True)
    )
    net.add_edges_from(("s", ("in", int(u))) for u in graph.inputs)
    net.add_edges_from((("out", int(u)), "t") for u in graph.outputs)
    cut = nx.maximum_flow_value(net, "s", "t")
    core = paths.path_core(graph.pattern, tau=1)
    assert core.size >= cut
    assert core.covered[-1] == 1
    kept = csr_array(
        (graph.pattern.weights.data, graph.weights.indices, graph.weights.indptr),
        (graph.n_units,) * 2,
    ).toarray()
    kept[core.units], kept[:, core.units] = 0, 0
    reach = np.linalg.inv(np.eye(graph.n_units) - kept)
    assert not reach[np.ix_(graph.inputs, graph.outputs)].any()


def test_core_ties_of_weights_are_not_decided_by_rounding() -> None:
    """0.1 + 0.2 is more than 0.3 in float64 alone."""
    first, second = np.array([[0.3, 0.0, 0.0], [0.0, 0.1, 0.2]]), np.eye(2)
    core = paths.path_core(from_matrices([first, second]), tau=0.5)
    assert core.units.tolist() == [0]


def test_core_of_a_network_deeper_than_float64() -> None:
    core = paths.path_core(dense(*[10] * 200, 3, *[10] * 201))
    assert (core.size, core.flat_size) == (3, 9)
    assert core.names == ("hidden200[0]", "hidden200[1]", "hidden200[2]")


def test_core_without_a_path_and_with_a_wrong_tau() -> None:
    empty = from_matrices([np.zeros((2, 3))])
    core = paths.path_core(empty)
    assert (core.size, core.flat_size, core.hourglass) == (0, 0, 0.0)
    for tau in (0, -1, 1.01, np.nan):
        with pytest.raises(GraphError, match="tau is"):
            paths.path_core(empty, tau=tau)


def test_core_reports() -> None:
    core = paths.path_core(dense(4, 2, 4), tau=1)
    assert core.table()["name"].tolist() == ["hidden1[0]", "hidden1[1]"]
    assert json.loads(json.dumps(core.summary()))["hourglass"] == 0.5


# Units that carry most of a layer


@pytest.mark.parametrize(
    ("weights", "share", "count"),
    [
        ([1.0] * 10, 0.9, 9),
        ([1.0] * 10, 1, 10),
        ([90.0, 5.0, 5.0], 0.9, 1),
        ([0.0, 3.0, 0.0, 1.0], 1, 2),
        ([1.0, 1e-15], 1, 2),
        ([0.0, 0.0], 0.9, 0),
    ],
)
def test_units_carrying(weights: list[float], share: float, count: int) -> None:
    n = len(weights)
    graph = from_matrices(
        [np.ones((n, 2)), np.array([weights])], [np.ones((n, 2)), np.ones((1, n))]
    )
    assert paths.units_carrying(graph, share) == {"hidden1": count}


def test_units_carrying_counts_onward_paths() -> None:
    # To the output hidden2 carries 8, 1, 1, and hidden1 through it 2·8 = 16, 1, 1.
    last, first = np.array([[8.0, -1.0, 1.0]]), np.ones((3, 2))
    graph = from_matrices([first, np.diag([-2.0, 1.0, 1.0]), last]).magnitude
    assert paths.units_carrying(graph) == {"hidden1": 2, "hidden2": 2}  # 16 of 18, 8 of 10 < .9
    graph = from_matrices([first, np.diag([9.0, 1.0, 0.5]), last]).magnitude
    assert paths.units_carrying(graph) == {"hidden1": 1, "hidden2": 2}


def test_units_carrying_wants_a_fraction() -> None:
    with pytest.raises(GraphError, match="share is"):
        paths.units_carrying(dense(2, 2), 90)


# Ramanujan measures


def test_ramanujan_of_a_dense_layer() -> None:
    found = paths.ramanujan(np.full((30, 20), 2.0))
    assert (found.n_left, found.n_right, found.n_edges) == (20, 30, 600)
    assert found.sigma1 == pytest.approx(math.sqrt(600), rel=1e-12)
    assert found.sigma2 == pytest.approx(0, abs=1e-12)
    bound = math.sqrt(29) + math.sqrt(19)
    assert found.difference_of_bound == pytest.approx(bound, rel=1e-12)
    assert found.weighted_spectral_gap == pytest.approx(2 * math.sqrt(600), rel=1e-12)


def test_ramanujan_of_a_known_graph() -> None:
    """Disjoint dense blocks do not expand: σ2 = σ1."""
    found = paths.ramanujan(np.kron(np.eye(2), np.ones((4, 4))))
    assert (found.sigma1, found.sigma2) == pytest.approx((4, 4))
    assert found.difference_of_bound == pytest.approx(2 * math.sqrt(3) - 4)


def test_ramanujan_of_a_kernel_is_that_of_its_scalar_weights() -> None:
    rng = np.random.default_rng(0)
    kernel, mask = rng.normal(size=(6, 4, 3, 3)), rng.random((6, 4, 3, 3)) < 0.3
    found = paths.ramanujan(kernel, mask)
    pattern = mask.reshape(6, 36).astype(float)
    spectrum = np.linalg.svd(pattern, compute_uv=False)
    heavy = np.linalg.svd(np.abs(kernel.reshape(6, 36)) * pattern, compute_uv=False)
    assert (found.n_left, found.n_right) == (36, 6)
    assert (found.sigma1, found.sigma2) == pytest.approx(tuple(spectrum[:2]), rel=1e-12)
    assert found.weighted_spectral_gap == pytest.approx(heavy[0] - heavy[1], rel=1e-12)
    left, right = pattern.sum(axis=0).mean(), pattern.sum(axis=1).mean()
    bound = math.sqrt(left - 1) + math.sqrt(right - 1)
    assert found.difference_of_bound == pytest.approx(bound - spectrum[1], rel=1e-12)


def test_ramanujan_of_a_large_layer_by_sparse_svd() -> None:
    pattern = np.random.default_rng(1).random((300, 1000)) < 0.05
    found, again = paths.ramanujan(pattern), paths.ramanujan(pattern)
    spectrum = np.linalg.svd(pattern.astype(float), compute_uv=False)
    assert (found.sigma1, found.sigma2) == pytest.approx(tuple(spectrum[:2]), rel=1e-9)
    assert found == again


def test_ramanujan_counts_kept_zeros_and_survives_little() -> None:
    mask = np.ones((3, 2))
    assert paths.ramanujan(np.zeros((3, 2)), mask).sigma1 == pytest.approx(math.sqrt(6))
    assert paths.ramanujan(np.zeros((3, 2)), mask).weighted_spectral_gap == 0
    for shape in [(3, 2), (0, 2), (1, 1)]:
        empty = paths.ramanujan(np.zeros(shape))
        assert (empty.sigma1, empty.sigma2, empty.difference_of_bound) == (0, 0, 0)
    json.dumps(paths.ramanujan(mask).summary())


def test_ramanujan_of_the_blocks_of_a_graph() -> None:
    graph = random_dag(0)
    found = paths.ramanujan_blocks(graph)
    assert ("l1", "l3") not in found, "wiring holds no parameters"
    for (source, target), each in found.items():
        block = graph.block(source, target)
        stored = csr_array((np.ones(block.nnz), block.indices, block.indptr), block.shape)
        spectrum = np.linalg.svd(stored.toarray(), compute_uv=False)
        assert (each.sigma1, each.sigma2) == pytest.approx(tuple(spectrum[:2]), rel=1e-12)


# Isometry


def orthogonal(n: int, seed: int) -> NDArray[np.float64]:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]


def test_isometry_of_orthogonal_stacks() -> None:
    layers = [orthogonal(8, 0), orthogonal(8, 1)[:5], orthogonal(5, 2), orthogonal(5, 3)[:3]]
    for found in [*map(paths.isometry, layers), paths.isometry_of_product(layers)]:
        np.testing.assert_allclose(found.singular_values, 1, rtol=1e-12)
        expected = {"mean": 1, "sd": 0, "min": 1, "max": 1}
        assert found.summary() == pytest.approx(expected, abs=1e-12)


def test_isometry_is_in_layer_order_and_masked() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(5, 4)), rng.normal(size=(3, 5))
    product = np.linalg.svd(second @ first, compute_uv=False)
    found = paths.isometry_of_product([first, second])
    np.testing.assert_allclose(found.singular_values, product, rtol=1e-12)
    kernel, mask = rng.normal(size=(4, 2, 3, 3)), rng.random((4, 2, 3, 3)) < 0.5
    spectrum = np.linalg.svd((kernel * mask).reshape(4, 18).T, compute_uv=False)
    found = paths.isometry(kernel, mask)
    np.testing.assert_allclose(found.singular_values, spectrum, rtol=1e-12)
    assert (found.min, found.max) == pytest.approx((spectrum[-1], spectrum[0]))
    assert (found.mean, found.sd) == pytest.approx((spectrum.mean(), spectrum.std()))


def test_isometry_refuses_what_has_no_singular_values() -> None:
    with pytest.raises(GraphError, match="as in torch"):
        paths.isometry_of_product([np.ones((3, 2)), np.ones((3, 2))])
    with pytest.raises(GraphError, match="no matrix"):
        paths.isometry_of_product([])
    for bad in (np.zeros((0, 2)), np.array([[np.nan]])):
        with pytest.raises(GraphError, match="empty or has NaN"):
            paths.isometry(bad)


# The package


def test_package_gives_every_method_and_imports_nothing_heavy() -> None:
    from netsculpt.core.catalog import catalog

    assert set(catalog("metrics")) <= set(paths.__all__)
    for name in paths.__all__:
        assert callable(getattr(paths, name))
    code = (
        "import sys, netsculpt.paths\n"
        "heavy = {'numba', 'networkx', 'pandas', 'matplotlib', 'igraph', 'torch', 'sklearn'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_ramanujan_of_a_large_layer_without_weight() -> None:
    collapsed = from_matrices([np.zeros((600, 600)), np.ones((2, 600))])
    assert paths.ramanujan_blocks(collapsed)["input", "hidden1"].sigma1 == 0
    assert paths.ramanujan(np.zeros((600, 600)), mask=np.eye(600)).sigma1 == pytest.approx(1)
    assert paths.ramanujan(np.eye(600) * 1e300).weighted_spectral_gap == pytest.approx(0, abs=1e290)
    with pytest.raises(GraphError, match="ramanujan_blocks"):
        paths.ramanujan(collapsed)
