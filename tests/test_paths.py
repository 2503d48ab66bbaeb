"""Path sweeps against enumeration, exact fractions, networkx, and each other."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from types import ModuleType

import networkx as nx
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt import paths
from netsculpt.core.errors import GraphError, LimitError
from netsculpt.graph.graph import Block, Layer, NetGraph, live_units
from netsculpt.graph.matrices import from_matrices
from netsculpt.paths import _compiled, _layerwise, _sweep, _wide
from netsculpt.paths._scaled import Scaled

SEEDS = range(8)


def random_dag(
    seed: int,
    *,
    widths: tuple[int, ...] = (3, 4, 2, 4, 3),
    density: float = 0.5,
    skips: float = 0.3,
    signed: bool = True,
    dtype: type = np.float32,
) -> NetGraph:
    """Layers with skip blocks, dead units, stored zeros and (odd seeds) a second input layer."""
    rng = np.random.default_rng(seed)
    bounds = np.cumsum([0, *widths])
    roles = ["input", *["hidden"] * (len(widths) - 2), "output"]
    if seed % 2:
        roles[2] = "input"
    layers = tuple(
        Layer(f"l{i}", role, (width,), int(bounds[i]), int(bounds[i + 1]))
        for i, (width, role) in enumerate(zip(widths, roles, strict=True))
    )
    kept = np.zeros((bounds[-1], bounds[-1]), dtype=bool)
    blocks = []
    for i in range(len(widths)):
        for j in range(i + 1, len(widths)):
            if j == i + 1 or rng.random() < skips:
                kept[bounds[i] : bounds[i + 1], bounds[j] : bounds[j + 1]] = (
                    rng.random((widths[i], widths[j])) < density
                )
                blocks.append(Block(f"l{i}", f"l{j}", f"w{i}{j}", "linear", widths[i] * widths[j]))
    n_edges = int(kept.sum())
    weights = rng.normal(size=n_edges) if signed else rng.random(n_edges) + 0.1
    weights[rng.random(n_edges) < 0.1] = 0.0
    csr = csr_array(kept)
    return NetGraph(
        csr_array((weights.astype(dtype), csr.indices, csr.indptr), kept.shape),
        rng.integers(1, 10, n_edges),
        layers,
        tuple(blocks),
    )


def enumerated(graph: NetGraph) -> Iterator[list[int]]:
    """Every input→output path, as its units."""
    outputs = set(graph.outputs.tolist())
    csr = graph.weights

    def walks(path: list[int]) -> Iterator[list[int]]:
        if path[-1] in outputs:
            yield path
        for target in csr.indices[csr.indptr[path[-1]] : csr.indptr[path[-1] + 1]]:
            yield from walks([*path, int(target)])

    for unit in graph.inputs:
        yield from walks([int(unit)])


def edge_number(graph: NetGraph) -> dict[tuple[int, int], int]:
    pairs = zip(graph.sources.tolist(), graph.weights.indices.tolist(), strict=True)
    return {pair: at for at, pair in enumerate(pairs)}


def exact_sweep(graph: NetGraph, weights: list[Fraction]) -> tuple[list[Fraction], list[Fraction]]:
    """F and G in exact arithmetic."""
    before = [Fraction(0)] * graph.n_units
    after = [Fraction(0)] * graph.n_units
    for unit in graph.inputs:
        before[unit] += 1
    for unit in graph.outputs:
        after[unit] += 1
    edges = list(edge_number(graph).items())
    for (source, target), at in edges:
        before[target] += before[source] * weights[at]
    for (source, target), at in reversed(edges):
        after[source] += weights[at] * after[target]
    return before, after


def exact_weights(graph: NetGraph) -> list[Fraction]:
    return [Fraction(float(weight)) for weight in graph.weights.data]


def log10_of(value: Fraction) -> float:
    return math.log10(value.numerator) - math.log10(value.denominator) if value else -math.inf


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("form", ["pattern", "magnitude", "signed", "multiplicity"])
def test_counts_equal_enumeration(seed: int, form: str) -> None:
    graph = random_dag(seed)
    if form == "multiplicity":
        graph = graph.with_weights(graph.multiplicity)
    elif form != "signed":
        graph = getattr(graph, form)
    numbers = edge_number(graph)
    units, edges, total = np.zeros(graph.n_units), np.zeros(graph.n_edges), 0.0
    pairs = {(i, o): 0.0 for i in graph.inputs.tolist() for o in graph.outputs.tolist()}
    for path in enumerated(graph):
        taken = [numbers[step] for step in pairwise(path)]
        value = math.prod(float(graph.weights.data[at]) for at in taken)
        total += value
        units[path] += value
        edges[taken] += value
        pairs[path[0], path[-1]] += value
    tolerance = {"rtol": 1e-11, "atol": 1e-12 if form == "signed" else 0}
    np.testing.assert_allclose(paths.path_centrality(graph), units, **tolerance)
    np.testing.assert_allclose(paths.edge_path_weight(graph), edges, **tolerance)
    both = paths.path_weights(graph, jobs=2)
    np.testing.assert_array_equal(both.units, paths.path_centrality(graph))
    np.testing.assert_array_equal(both.edges, paths.edge_path_weight(graph))
    np.testing.assert_allclose(paths.path_total(graph), total, **tolerance)
    expected = np.reshape(list(pairs.values()), (graph.inputs.size, graph.outputs.size))
    np.testing.assert_allclose(paths.pair_weights(graph), expected, **tolerance)


@pytest.mark.parametrize("seed", SEEDS)
def test_networkx_finds_the_same_simple_paths(seed: int) -> None:
    graph = random_dag(2 * seed)  # one input layer: no path passes a second input
    net = nx.DiGraph(edge_number(graph).keys())
    net.add_nodes_from(range(graph.n_units))
    found = [
        path
        for source in graph.inputs.tolist()
        for target in graph.outputs.tolist()
        for path in nx.all_simple_paths(net, source, target)
    ]
    through = np.bincount(np.concatenate([[], *found]).astype(int), minlength=graph.n_units)
    assert paths.path_total(graph.pattern) == len(found)
    assert paths.path_centrality(graph.pattern).tolist() == through.tolist()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_magnitudes_equal_exact_fractions(seed: int, dtype: type) -> None:
    graph = random_dag(seed, dtype=dtype).magnitude
    before, after = exact_sweep(graph, exact_weights(graph))
    total = sum((before[unit] for unit in graph.outputs), Fraction(0))
    close = {"rtol": 1e-12, "atol": 0}
    np.testing.assert_allclose(paths.paths_in(graph), [float(x) for x in before], **close)
    np.testing.assert_allclose(paths.paths_out(graph), [float(x) for x in after], **close)
    through = [x * y for x, y in zip(before, after, strict=True)]
    np.testing.assert_allclose(paths.path_centrality(graph), [float(x) for x in through], **close)
    shares = [float(x / total) for x in through]
    np.testing.assert_allclose(paths.path_share(graph), shares, **close)
    logs = {"rtol": 1e-12, "atol": 1e-13}
    np.testing.assert_allclose(paths.log10_paths_in(graph), [log10_of(x) for x in before], **logs)
    np.testing.assert_allclose(paths.log10_paths_out(graph), [log10_of(x) for x in after], **logs)
    np.testing.assert_allclose(
        paths.log10_path_centrality(graph), [log10_of(x) for x in through], **logs
    )
    with np.errstate(divide="ignore"):
        edges = np.log10(paths.edge_path_weight(graph))
    np.testing.assert_allclose(paths.log10_edge_path_weight(graph), edges, **logs)
    assert paths.log10_path_total(graph) == pytest.approx(log10_of(total), rel=1e-12, abs=1e-13)


@pytest.mark.parametrize(("depth", "digits"), [(30, 17), (80, 50), (420, 290), (600, 400)])
def test_large_counts_equal_python_integers(depth: int, digits: int) -> None:
    """Beyond 2^53 at depth 30, beyond float64 at depth 600."""
    graph = random_dag(0, widths=(6,) * depth, density=0.85, skips=2 / depth, signed=False).pattern
    before, after = exact_sweep(graph, [Fraction(1)] * graph.n_edges)
    total = sum((before[unit] for unit in graph.outputs), Fraction(0))
    assert total.denominator == 1
    assert total > 10**digits
    logs = np.array([log10_of(x * y) for x, y in zip(before, after, strict=True)])
    np.testing.assert_allclose(paths.log10_path_centrality(graph), logs, rtol=1e-12)
    shares = [float(x * y / total) for x, y in zip(before, after, strict=True)]
    np.testing.assert_allclose(paths.path_share(graph), shares, rtol=1e-12)
    assert paths.log10_path_total(graph) == pytest.approx(log10_of(total), rel=1e-13)
    if total < 10**308:
        assert paths.path_total(graph) == pytest.approx(float(total), rel=1e-12)
        expected = [float(x * y) for x, y in zip(before, after, strict=True)]
        np.testing.assert_allclose(paths.path_centrality(graph), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("paths_in", "log10_paths_in"),
        ("paths_out", "log10_paths_out"),
        ("path_centrality", "log10_path_centrality"),
        ("path_total", "log10_path_total"),
        ("path_weights", "log10_path_centrality"),
        ("edge_path_weight", "log10_edge_path_weight"),
        ("path_kernel_trace", "log10_path_kernel_trace"),
        ("pair_weights", "with_weights"),
    ],
)
def test_beyond_float64_is_an_error_that_says_what_to_use(name: str, twin: str) -> None:
    graph = from_matrices([np.ones((10, 10))] * 400)
    with pytest.raises(LimitError, match=twin):
        getattr(paths, name)(graph)


def test_logarithms_beyond_float64() -> None:
    graph = from_matrices([np.ones((10, 10))] * 400)
    assert paths.log10_path_total(graph) == pytest.approx(401, abs=1e-10)
    np.testing.assert_allclose(paths.log10_path_centrality(graph), 400, atol=1e-10)
    np.testing.assert_allclose(paths.log10_edge_path_weight(graph), 399, atol=1e-10)
    np.testing.assert_allclose(paths.path_share(graph), 0.1, rtol=1e-12)
    assert paths.log10_path_kernel_trace(graph) == pytest.approx(403.60206, abs=1e-5)
    small = graph.with_weights(np.full(graph.n_edges, 1e-3))
    assert paths.log10_path_total(small) == pytest.approx(401 - 1200, abs=1e-9)
    assert paths.path_total(small) == 0.0


def test_parallel_columns_that_grow_apart_beyond_float64() -> None:
    """One exponent a layer would lose the light column."""
    column = np.array([[1e30, 0.0], [0.0, 1e-30]])
    graph = from_matrices([column] * 30)
    expected = np.array([[30.0 * n, -30.0 * n] for n in range(31)]).ravel()
    np.testing.assert_allclose(paths.log10_paths_in(graph), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(paths.log10_path_centrality(graph), [900, -900] * 31, rtol=1e-12)
    assert paths.path_share(graph).tolist() == [1.0, 0.0] * 31


@pytest.mark.parametrize(
    ("first", "second"), [(1.7e308, 1.7e308), (5e-324, 5e-324), (1e200, 1e-300)]
)
def test_extreme_float64_weights(first: float, second: float) -> None:
    graph = from_matrices([np.full((3, 3), first), np.full((3, 3), second)])
    before, _ = exact_sweep(graph, exact_weights(graph))
    expected = [log10_of(x) for x in before]
    np.testing.assert_allclose(paths.log10_paths_in(graph), expected, rtol=1e-12, atol=1e-12)
    squares = 27 * (Fraction(first) ** 2 + Fraction(second) ** 2)
    trace = paths.log10_path_kernel_trace(graph)
    assert trace == pytest.approx(log10_of(squares), rel=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_layer_sums_of_a_strictly_layered_network_are_all_the_total(seed: int) -> None:
    graph = random_dag(2 * seed, skips=0.0).magnitude
    through, total = paths.path_centrality(graph), paths.path_total(graph)
    sums = [through[layer.units].sum() for layer in graph.layers]
    np.testing.assert_allclose(sums, total, rtol=1e-12)
    edges = paths.edge_path_weight(graph)
    for block in graph.blocks:
        cut = edges[graph.block_edges(block.source, block.target)].sum()
        assert cut == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_total_is_the_same_from_both_ends(seed: int) -> None:
    graph = random_dag(seed).magnitude
    ends = paths.paths_in(graph)[graph.outputs].sum(), paths.paths_out(graph)[graph.inputs].sum()
    np.testing.assert_allclose(ends, paths.path_total(graph), rtol=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_depth_and_degrees_equal_networkx(seed: int) -> None:
    graph = random_dag(seed)
    net = nx.DiGraph()
    net.add_nodes_from(range(graph.n_units))
    for (source, target), at in edge_number(graph).items():
        net.add_edge(source, target, weight=float(graph.weights.data[at]))
    longest = dict.fromkeys(range(graph.n_units), -1)
    longest.update(dict.fromkeys(graph.inputs.tolist(), 0))
    for unit in nx.topological_sort(net):
        for other in net.predecessors(unit):
            if longest[other] >= 0:
                longest[unit] = max(longest[unit], longest[other] + 1)
    assert paths.depth(graph).tolist() == [longest[unit] for unit in range(graph.n_units)]
    assert paths.in_degree(graph).tolist() == [net.in_degree(u) for u in range(graph.n_units)]
    assert paths.out_degree(graph).tolist() == [net.out_degree(u) for u in range(graph.n_units)]
    strength = [net.in_degree(u, weight="weight") for u in range(graph.n_units)]
    np.testing.assert_allclose(paths.in_strength(graph), strength, rtol=1e-12, atol=1e-12)
    strength = [net.out_degree(u, weight="weight") for u in range(graph.n_units)]
    np.testing.assert_allclose(paths.out_strength(graph), strength, rtol=1e-12, atol=1e-12)


def test_units_that_no_input_reaches() -> None:
    graph = from_matrices([np.array([[1.0], [0.0]]), np.array([[0.0, 1.0], [1.0, 0.0]])])
    assert paths.depth(graph).tolist() == [0, 1, -1, -1, 2]
    assert paths.path_centrality(graph).tolist() == [1, 1, 0, 0, 1]
    assert paths.log10_path_centrality(graph).tolist() == [0, 0, -np.inf, -np.inf, 0]


@pytest.mark.parametrize("shapes", [[(3, 2), (2, 3)], [(0, 2), (2, 0)], [(2, 0)]])
def test_networks_without_a_path(shapes: list[tuple[int, int]]) -> None:
    graph = from_matrices([np.zeros(shape) for shape in shapes])
    assert paths.path_total(graph) == 0
    assert paths.log10_path_total(graph) == -np.inf
    assert paths.path_kernel_trace(graph) == 0
    assert paths.path_share(graph).tolist() == [0.0] * graph.n_units
    assert paths.edge_path_weight(graph).shape == (0,)
    assert not paths.pair_weights(graph).any()
    assert paths.units_carrying(graph).keys() == {x.name for x in graph.layers[1:-1]}


def test_stored_zeros_are_edges_but_carry_nothing() -> None:
    mask = np.ones((2, 2), bool)
    graph = from_matrices([np.eye(2), np.eye(2)], [mask, mask])
    assert paths.path_total(graph.pattern) == 8
    assert paths.path_total(graph) == 2
    assert paths.in_degree(graph).tolist() == [0, 0, 2, 2, 2, 2]


def test_state_units_begin_and_end_paths() -> None:
    layers = (
        Layer("h0", "state", (1,), 0, 1),
        Layer("x", "input", (1,), 1, 2),
        Layer("cell", "hidden", (1,), 2, 3),
        Layer("h1", "state", (1,), 3, 4),
    )
    pairs = [("h0", "cell"), ("x", "cell"), ("cell", "h1")]
    blocks = tuple(Block(*pair, None, "linear", 1) for pair in pairs)
    weights = csr_array(([2.0, 3.0, 5.0], ([0, 1, 2], [2, 2, 3])), (4, 4))
    graph = NetGraph(weights, None, layers, blocks)
    assert paths.pair_weights(graph).tolist() == [[10.0], [15.0]]


@pytest.mark.parametrize(
    "name",
    [
        "log10_paths_in", "log10_paths_out", "log10_path_centrality", "path_share",
        "log10_path_total", "log10_edge_path_weight", "path_core", "units_carrying",
    ],
)  # fmt: skip
def test_negative_weights_are_refused_where_they_make_no_sense(name: str) -> None:
    graph = from_matrices([np.array([[1.0, -2.0]])])
    with pytest.raises(GraphError, match=r"graph\.magnitude"):
        getattr(paths, name)(graph)
    getattr(paths, name)(graph.magnitude)


def test_pairs_of_chosen_units() -> None:
    graph = random_dag(4)
    every = paths.pair_weights(graph)
    rows, columns = graph.inputs[[2, 0]], graph.outputs[[1]]
    chosen = paths.pair_weights(graph, inputs=rows, outputs=columns)
    np.testing.assert_array_equal(chosen, every[np.ix_([2, 0], [1])])
    assert paths.pair_weights(graph, inputs=[]).shape == (0, graph.outputs.size)
    with pytest.raises(GraphError, match="is not an input"):
        paths.pair_weights(graph, inputs=graph.outputs)
    with pytest.raises(GraphError, match="list of units"):
        paths.pair_weights(graph, outputs=np.array([0.5]))


def test_pairs_in_parts_and_by_matrix_products(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    matrices = [rng.normal(size=shape) for shape in [(6, 9), (5, 6), (4, 5)]]
    graph = from_matrices(matrices)
    file = importlib.import_module("netsculpt.paths.pair_weights")
    monkeypatch.setattr(file, "_ENTRIES", 2 * graph.n_units)
    expected = (matrices[2] @ matrices[1] @ matrices[0]).T
    np.testing.assert_allclose(paths.pair_weights(graph), expected, rtol=1e-12, atol=1e-13)


# The engines, and where they hand over to the widest


def wide_enough(seed: int, *, signed: bool = False, dtype: type = np.float32) -> NetGraph:
    return random_dag(seed, widths=(40, 60, 50, 0, 60, 30), density=0.3, signed=signed, dtype=dtype)


def agree(fast: Scaled | None, slow: Scaled) -> None:
    assert fast is not None
    np.testing.assert_array_equal(fast.mantissa == 0, slow.mantissa == 0)
    same = np.ldexp(fast.mantissa, np.where(slow.mantissa == 0, 0, fast.exponent - slow.exponent))
    np.testing.assert_allclose(same, slow.mantissa, rtol=1e-13)


ENGINES = pytest.mark.parametrize("engine", [_compiled, _layerwise], ids=["compiled", "numpy"])


@ENGINES
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("squared", [False, True])
def test_sweeps_agree(engine: ModuleType, seed: int, dtype: type, squared: bool) -> None:
    graph = wide_enough(seed, dtype=dtype)
    removed = np.random.default_rng(seed).random(graph.n_units) < 0.1
    for way in ("forward", "backward"):
        arguments = graph, squared, removed
        agree(getattr(engine, way)(*arguments), getattr(_wide, way)(*arguments))


@ENGINES
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("signed", [False, True])
def test_units_and_edges_agree(engine: ModuleType, seed: int, signed: bool) -> None:
    graph = wide_enough(seed, signed=signed)
    found, slow = engine.weights_through(graph, 1), np.empty(graph.n_edges)
    for edges, part in _sweep.edges_scaled(graph):
        slow[edges] = part.linear("", "")
    assert found is not None
    units, fast = found
    scale = 0 if not signed else 1e-13 * np.abs(slow).max()
    np.testing.assert_allclose(fast, slow, rtol=1e-13, atol=scale)
    slow = _sweep.units_scaled(graph).linear("", "")
    scale = 0 if not signed else 1e-13 * np.abs(slow).max()
    np.testing.assert_allclose(units, slow, rtol=1e-13, atol=scale)
    np.testing.assert_array_equal(engine.units_through(graph), units)


@pytest.mark.parametrize(("depth", "skips"), [(30, 0.3), (100, 0.1), (420, 0.0), (700, 0.0)])
def test_compiled_sweep_of_deep_networks(depth: int, skips: float) -> None:
    graph = random_dag(0, widths=(6,) * depth, density=0.85, skips=skips).pattern
    none = np.zeros(graph.n_units, bool)
    agree(_compiled.forward(graph, False, none), _wide.forward(graph, False, none))
    agree(_compiled.backward(graph, False, none), _wide.backward(graph, False, none))


@ENGINES
def test_engines_say_where_they_would_lose_numbers(engine: ModuleType) -> None:
    apart = from_matrices([np.array([[1e30, 0.0], [0.0, 1e-30]])] * 30)
    heavy = from_matrices([np.array([[1e300, 0.0], [0.0, 1.0]])] * 30)
    none = np.zeros(apart.n_units, bool)
    for graph in (apart, heavy):
        assert engine.forward(graph, False, none) is None
        assert engine.backward(graph, False, none) is None
        assert engine.weights_through(graph, 1) is None
        assert engine.units_through(graph) is None
    deep = from_matrices([np.ones((10, 10))] * 400)  # edges beyond float64
    assert engine.weights_through(deep, 1) is None
    assert engine.units_through(deep) is None


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_give_the_same_bytes(
    seed: int, dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where weights are 0, layers dead, and sums of signed weights 0."""
    monkeypatch.setattr(_compiled, "_PART", 100)
    signs = np.random.default_rng(seed).integers(-1, 2, wide_enough(seed).n_edges)
    for graph in (
        wide_enough(seed, signed=True, dtype=dtype),
        wide_enough(seed).with_weights(signs.astype(dtype)),
        wide_enough(seed).with_weights(np.where(signs == 0, -0.0, 1e-9 * signs).astype(dtype)),
        random_dag(seed, density=0.2, dtype=dtype),
    ):
        alone = _compiled.weights_through(graph, 1)
        threads = _compiled._through_in_threads(graph, 3)
        assert alone is not None
        assert threads is not None
        for one, other in zip(alone, threads, strict=True):
            assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("weight", [1.0, 1e-4])
def test_one_thread_where_only_exponents_hold_the_numbers(weight: float) -> None:
    """From 10^130 on, and below 10^-45."""
    graph = from_matrices([np.full((10, 10), weight)] * 135)
    alone, threads = _compiled.weights_through(graph, 1), _compiled.weights_through(graph, 2)
    assert _compiled._through_in_threads(graph, 2) is None
    for one, other in zip(alone or (), threads or (), strict=True):
        assert one.tobytes() == other.tobytes()
    expected = (10 * weight) ** 135
    np.testing.assert_allclose(paths.path_weights(graph).units, expected, rtol=1e-5)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sweep, "_COMPILE_FROM", 0)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("seed", SEEDS)
def test_everything_compiled_equals_exact_fractions(seed: int) -> None:
    test_magnitudes_equal_exact_fractions(seed, np.float32)


@pytest.mark.usefixtures("large")
def test_hostile_networks_by_the_compiled_way() -> None:
    test_parallel_columns_that_grow_apart_beyond_float64()
    test_logarithms_beyond_float64()
    test_extreme_float64_weights(1.7e308, 1.7e308)
    test_extreme_float64_weights(5e-324, 5e-324)
    for name in ("edge_path_weight", "path_centrality"):
        test_beyond_float64_is_an_error_that_says_what_to_use(name, f"log10_{name}")
    test_beyond_float64_is_an_error_that_says_what_to_use("path_weights", "log10_path_centrality")


def test_without_numba_large_networks_are_swept_layer_by_layer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_sweep, "_COMPILE_FROM", 0)
    monkeypatch.delattr(paths, "_compiled")
    monkeypatch.setitem(sys.modules, "netsculpt.paths._compiled", None)
    assert paths.path_total(random_dag(0, density=1.0, skips=0.0).pattern) == 3 * 4 * 2 * 4 * 3


def test_compiled_at_a_size_where_it_is_chosen() -> None:
    rng = np.random.default_rng(0)
    masks = [rng.random((400, 400)) < 0.5 for _ in range(3)]
    graph = from_matrices([mask.astype(float) for mask in masks])
    assert graph.n_edges > _sweep._COMPILE_FROM
    product = [mask.T.astype(np.int64) for mask in masks]
    through: NDArray[np.int64] = (np.ones(400, np.int64) @ product[0]) * (
        product[1] @ (product[2] @ np.ones(400, np.int64))
    )
    assert paths.path_centrality(graph)[400:800].tolist() == through.tolist()
    edges = paths.edge_path_weight(graph)[graph.block_edges("input", "hidden1")]
    after = product[1] @ (product[2] @ np.ones(400, np.int64))
    assert edges.tolist() == np.broadcast_to(after, (400, 400))[masks[0].T].tolist()
    assert live_units(graph).all()
