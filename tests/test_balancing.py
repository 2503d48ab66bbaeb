"""Balanced weights: strengths are degrees, whatever the scales of units; and their null model."""

from __future__ import annotations

import os
import pickle
import threading
from functools import partial

import networkx as nx
import numpy as np
import pytest
from graphs import content, relabelled
from scipy.sparse import csr_array

from netsculpt import (
    AnalysisPlan,
    Block,
    GraphError,
    Layer,
    NetGraph,
    analyze,
    from_matrices,
    planted,
)
from netsculpt.core.parallel import for_threads, in_parallel
from netsculpt.graph.balancing import balanced_weights
from netsculpt.graph.graph import balancing_groups, live_units
from netsculpt.nulls import rebalanced, rewire, shuffle_layer, shuffle_weights
from netsculpt.nulls.significance import Null


def weighted(
    widths: list[int], density: float, *, noise: float = 1.0, scales: float = 1.0, rng: int = 0
) -> NetGraph:
    """Edges at random, lognormal scales of units and lognormal noise; signs, and some zeros."""
    graph, _ = planted(widths, 1, density, density, skips=0.5, rng=rng)
    generator = np.random.default_rng(rng)
    scale = np.exp(scales * generator.standard_normal(graph.n_units))
    weights = np.exp(noise * generator.standard_normal(graph.n_edges))
    weights *= generator.choice([-1.0, 1.0], graph.n_edges)
    weights[generator.random(graph.n_edges) < 0.05] = 0
    return graph.with_weights(weights * scale[graph.sources] * scale[graph.weights.indices])


def with_scales(graph: NetGraph, factors: np.ndarray) -> NetGraph:
    """Incoming weights of each unit times its factor, outgoing ones divided by it."""
    weights = graph.weights.data.astype(np.float64)
    return graph.with_weights(weights * factors[graph.weights.indices] / factors[graph.sources])


def strengths_and_degrees(graph: NetGraph) -> tuple[np.ndarray, np.ndarray]:
    """Of each unit in each group of edges, as a source and as a target."""
    weights, groups = graph.weights.data, balancing_groups(graph)
    sums: dict[tuple[int, int, str], list[float]] = {}
    for edge, (source, target) in enumerate(zip(graph.sources, graph.weights.indices, strict=True)):
        for key in ((groups[edge], source, "out"), (groups[edge], target, "in")):
            strength, degree = sums.setdefault(key, [0.0, 0.0])
            sums[key] = [strength + weights[edge], degree + (weights[edge] != 0)]
    return np.array(list(sums.values())).T


SPARSE_AND_DENSE = [
    ([24, 24, 24, 24], 0.2),
    ([24, 24, 24], 0.08),  # trees with a few circles: sweeps alone take thousands
    ([9, 40, 5, 3], 0.5),
    ([60, 60], 0.04),
    ([5, 5, 5], 1.0),
]


@pytest.mark.parametrize(("widths", "density"), SPARSE_AND_DENSE)
@pytest.mark.parametrize("noise", [0.0, 1.0, 3.0])
def test_strengths_are_degrees(widths: list[int], density: float, noise: float) -> None:
    graph = weighted(widths, density, noise=noise)
    before = content(graph)
    balanced = graph.balanced
    strengths, degrees = strengths_and_degrees(balanced)
    np.testing.assert_allclose(strengths, degrees, rtol=1e-9)
    assert content(graph) == before
    assert (balanced.weights.indices == graph.weights.indices).all()
    assert ((balanced.weights.data == 0) == (graph.weights.data == 0)).all()
    assert (balanced.weights.data >= 0).all()
    assert balanced.weights.dtype == np.float64


def test_weights_differ_from_the_balanced_by_a_factor_per_unit() -> None:
    """By the definition: log |w| − log b is a sum of two numbers of the ends, group by group."""
    graph = weighted([12, 14, 13], 0.3)
    groups, n = balancing_groups(graph), graph.n_units
    nonzero = np.flatnonzero(graph.weights.data)
    removed = np.log(np.abs(graph.weights.data[nonzero])) - np.log(
        graph.balanced.weights.data[nonzero]
    )
    for group in np.unique(groups[nonzero]):
        own = groups[nonzero] == group
        design = np.zeros((own.sum(), 2 * n))
        rows = np.arange(own.sum())
        design[rows, graph.sources[nonzero][own]] = 1
        design[rows, n + graph.weights.indices[nonzero][own]] = 1
        fitted = design @ np.linalg.lstsq(design, removed[own], rcond=None)[0]
        np.testing.assert_allclose(fitted, removed[own], atol=1e-9)


def test_a_block_by_plain_sweeps() -> None:
    rng = np.random.default_rng(1)
    matrix = rng.lognormal(size=(7, 9)) * (rng.random((7, 9)) < 0.7)
    expected, pattern = matrix.copy(), matrix > 0
    for _ in range(3000):
        for axis in (1, 0):
            expected *= pattern.sum(axis=axis, keepdims=True) / expected.sum(
                axis=axis, keepdims=True
            )
    found = from_matrices([matrix.T]).balanced.block("input", "output").toarray()
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("widths", "density"), SPARSE_AND_DENSE)
def test_scales_of_units_change_nothing(widths: list[int], density: float) -> None:
    graph = weighted(widths, density)
    rng = np.random.default_rng(2)
    balanced = graph.balanced.weights.data
    for spread in (1.0, 40.0):
        other = with_scales(graph, np.exp(rng.uniform(-spread, spread, graph.n_units))).balanced
        np.testing.assert_allclose(other.weights.data, balanced, rtol=1e-9, atol=1e-300)
    powers_of_two = 2.0 ** rng.integers(-150, 150, graph.n_units)
    assert content(with_scales(graph, powers_of_two).balanced) == content(graph.balanced)
    block_gain = np.array([2.0**70, 3.0, 1e-80, 1e80])[balancing_groups(graph) // 2 % 4]
    gained = graph.with_weights(graph.weights.data.astype(np.float64) * block_gain)
    np.testing.assert_allclose(gained.balanced.weights.data, balanced, rtol=1e-9)


def test_numbers_at_the_ends_of_float64() -> None:
    scales = np.array([1e-150, 1.0, 1e150])
    matrix = np.outer(scales, scales) * np.array([[1, 2, 3], [2, 1, 2], [3, 5, 1.0]])
    plain = from_matrices([np.array([[1, 2, 3], [2, 1, 2], [3, 5, 1.0]])])
    extreme = from_matrices([matrix])
    assert extreme.weights.data.max() / 1e150 > 1e149
    np.testing.assert_allclose(
        extreme.balanced.weights.data, plain.balanced.weights.data, rtol=1e-9
    )


def test_weights_that_no_scales_explain_are_refused() -> None:
    matrix = np.array([[1.0, 1e-290, 1e200], [1e200, 1.0, 1e-300], [1e-300, 1e250, 1.0]])
    graph = from_matrices([matrix])
    with pytest.raises(GraphError, match=r"from 1e-300 to 1e\+250 cannot be .* use the pattern$"):
        _ = graph.balanced
    for name in ("layered", "path_signature"):  # as the error says
        plan = AnalysisPlan((name,), n_nulls=20, n_seeds=2, weights=("pattern",))
        assert analyze(graph, plan, rng=0).detected[0].significance is not None


def test_a_draw_that_cannot_be_balanced_is_told_from_the_network() -> None:
    rng = np.random.default_rng(19)
    matrix = np.exp(np.clip(200 * rng.standard_normal((4, 4)), -650, 650))
    graph = from_matrices([matrix * (rng.random((4, 4)) < 0.7)])
    assert np.isfinite(graph.balanced.weights.data).all()
    with pytest.raises(GraphError, match=r"those of a null network are not: .* use the pattern$"):
        rebalanced(rewire)(graph, rng=0)


def test_equal_weights_forests_and_wiring_are_exactly_1() -> None:
    graph, _ = planted([12, 12, 12], 2, 0.4, 0.1, rng=0)
    for weight in (1.0, 0.3, -7.0):
        assert (graph.with_weights(np.full(graph.n_edges, weight)).balanced.weights.data == 1).all()
    star = from_matrices([np.array([[0.3, 0.001, 70.0]]), np.array([[5.0], [0.1]])])
    np.testing.assert_allclose(star.balanced.weights.data, 1, rtol=1e-12)
    names = ["in", "a", "b"]
    layers = tuple(
        Layer(name, role, (3,), start, start + 3)
        for name, role, start in zip(names, ["input", "hidden", "output"], [0, 3, 6], strict=True)
    )
    matrix = np.zeros((9, 9))
    matrix[:3, 3:6] = np.random.default_rng(0).random((3, 3))
    matrix[3:6, 6:] = np.eye(3)
    blocks = (Block("in", "a", "A", "linear", 9), Block("a", "b", None, "wiring", 0))
    residual = NetGraph(csr_array(matrix), None, layers, blocks)
    assert (residual.balanced.block("a", "b").toarray() == np.eye(3)).all()


def test_dead_edges_do_not_pull_on_live_ones() -> None:
    graph = weighted([30, 25, 25, 6], 0.07)
    live = graph.live()
    on_paths = live_units(graph)
    kept = on_paths[graph.sources] & on_paths[graph.weights.indices]
    assert 0 < kept.sum() < graph.n_edges - 5
    assert graph.balanced.weights.data[kept].tobytes() == live.balanced.weights.data.tobytes()
    assert content(graph.balanced.live()) == content(live.balanced)


def test_units_may_be_numbered_otherwise() -> None:
    graph = weighted([15, 12, 14, 9], 0.3)
    other, old = relabelled(graph, np.random.default_rng(3))
    matrix = graph.balanced.weights.toarray()
    np.testing.assert_allclose(other.balanced.weights.toarray(), matrix[np.ix_(old, old)], 1e-9)


def test_nothing_to_balance() -> None:
    empty = from_matrices([np.zeros((3, 2)), np.zeros((2, 3))])
    assert empty.balanced.n_edges == 0
    graph, _ = planted([3, 3], 1, 1.0, 1.0, rng=0)
    assert (graph.with_weights(np.zeros(9)).balanced.weights.data == 0).all()


def test_balanced_is_kept_and_pickled() -> None:
    graph = weighted([8, 8, 8], 0.4)
    assert graph.balanced is graph.balanced
    assert content(pickle.loads(pickle.dumps(graph)).balanced) == content(graph.balanced)
    np.testing.assert_allclose(
        graph.balanced.balanced.weights.data, graph.balanced.weights.data, rtol=1e-9
    )


def dispersion(graph: NetGraph, source: str, target: str) -> float:
    """Root of the squares of balanced weights − 1 per independent cycle of the block."""
    block = graph.live().block(source, target).tocoo()
    kept = block.data > 0
    net = nx.Graph(zip(block.row[kept], block.col[kept] + block.shape[0], strict=True))
    n_cycles = net.number_of_edges() - len(net) + nx.number_connected_components(net)
    return float(np.sqrt(((block.data[kept] - 1) ** 2).sum() / max(n_cycles, 1)))


@pytest.mark.parametrize("null", [rewire, shuffle_layer, shuffle_weights])
def test_draws_are_balanced_and_as_dispersed(null: rewire) -> None:
    graph = weighted([20, 20, 20], 0.4, noise=0.7)
    before = content(graph)
    for seed in range(3):
        drawn = rebalanced(null)(graph, rng=seed)
        strengths, degrees = strengths_and_degrees(drawn)
        np.testing.assert_allclose(strengths, degrees, rtol=1e-9)
        for block in graph.blocks:
            pair = block.source, block.target
            assert dispersion(drawn, *pair) == pytest.approx(
                dispersion(graph.balanced, *pair), rel=2e-4
            )
        first, last = drawn.provenance[-2:]
        assert (first.function, last.function) == (null.__name__, "rebalanced")
        plain = null(graph.balanced, rng=seed)
        assert (drawn.weights.indices == plain.weights.indices).all()
        for block, power in zip(graph.blocks, last.parameters["powers"], strict=True):
            pair = block.source, block.target
            raised = plain.with_weights(plain.weights.data**power).balanced.live()
            np.testing.assert_allclose(
                raised.block(*pair).data, drawn.live().block(*pair).data, rtol=1e-6
            )
    assert content(graph) == before


def test_where_no_power_gives_the_dispersion() -> None:
    """A circle can be balanced to any dispersion below 1; the trees of its null to none."""
    circle = from_matrices([np.array([[9.0, 1, 0], [1, 9, 0], [0, 0, 1]])])
    powers, spreads = [], []
    for seed in range(60):  # a circle is drawn in one of four, and dealt unequal weights in a third
        drawn = rebalanced(rewire)(circle, rng=seed)
        powers += drawn.provenance[-1].parameters["powers"]
        spreads.append(dispersion(drawn, "input", "output"))
        strengths, degrees = strengths_and_degrees(drawn)
        np.testing.assert_allclose(strengths, degrees, rtol=1e-9)
    assert np.isfinite(powers).all()
    assert 0 < np.mean(np.isclose(spreads, 0, atol=1e-6)) < 1
    assert 0.125 <= min(powers) <= max(powers) <= 8


def test_draws_see_no_scales_of_units() -> None:
    graph = weighted([16, 16, 16], 0.3)
    rng = np.random.default_rng(4)
    null = rebalanced(rewire)
    drawn = null(graph, rng=0)
    twos = with_scales(graph, 2.0 ** rng.integers(-30, 30, graph.n_units))
    assert content(null(twos, rng=0)) == content(drawn)
    other = null(with_scales(graph, rng.lognormal(size=graph.n_units)), rng=0)
    assert (other.weights.indices == drawn.weights.indices).all()
    np.testing.assert_allclose(other.weights.data, drawn.weights.data, rtol=1e-6, atol=1e-8)


def thread_of(null: Null, index: int) -> tuple[int, int]:
    return os.getpid(), threading.get_ident()


def test_a_combined_null_runs_in_threads_if_its_parts_do() -> None:
    run = partial(for_threads(thread_of), rebalanced(rewire))
    assert {process for process, _ in in_parallel(run, 4, jobs=2)} == {os.getpid()}


def test_a_combined_null_is_pickled() -> None:
    graph = weighted([9, 9, 9], 0.4)
    null = rebalanced(rewire)
    again = pickle.loads(pickle.dumps(null))
    assert content(again(graph, rng=3)) == content(null(graph, rng=3))


@pytest.mark.parametrize("seed", [277, *range(10)])
def test_sparse_supports_are_balanced_to_the_last_digits(seed: int) -> None:
    """Of a support in several parts, a step along what rounding leaves must not be taken."""
    rng = np.random.default_rng(seed)
    shape = rng.integers(3, 14, 2)
    rows, columns = np.nonzero(rng.random(shape) < rng.uniform(0.1, 0.4))
    weights = rng.lognormal(0, rng.choice([0.1, 1, 3]), rows.size)
    one_group = np.zeros(rows.size, int)
    for _ in range(3):  # balanced weights are balanced
        weights = balanced_weights(weights, rows, columns + shape[0], one_group)
        for ends in (rows, columns):
            np.testing.assert_allclose(np.bincount(ends, weights), np.bincount(ends), atol=1e-10)


def test_a_draw_that_is_balanced_can_be_balanced_again() -> None:
    """Weights of a draw may lie 70 orders of magnitude apart, where sweeps do not arrive again."""
    sources = np.array([0, 0, 1, 1, 2, 2, 2, 3, 3, 3])
    targets = 4 + np.array([1, 3, 1, 3, 0, 1, 3, 0, 1, 3])
    weights = np.array(
        [
            *(1.999999999999962, 7.79342180546918e-72, 1.9999999986324861, 1.3675505278086817e-09),
            *(2.5682753567571382e-46, 1.1857425275620387e-16, 2.9999999999999445),
            *(1.9999999999999998, 1.3675518890465263e-09, 0.9999999986325049),
        ]
    )
    again = balanced_weights(weights, sources, targets, np.zeros(10, int))
    np.testing.assert_array_equal(again, weights)
