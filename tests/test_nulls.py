"""Null models keep what they say and randomise all the rest."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from graphs import content
from scipy.sparse import csr_array
from scipy.stats import chisquare

from netsculpt import Block, Layer, NetGraph, from_matrices, nulls, planted
from netsculpt.nulls import rewire, shuffle_layer, shuffle_weights

NULLS = [rewire, shuffle_layer, shuffle_weights]


def hostile(dtype: type = np.float32) -> NetGraph:
    """Skips, a wiring block, stored zeros, an empty layer, unequal degrees, multiplicity."""
    rng = np.random.default_rng(0)
    widths = [9, 7, 0, 7, 5]
    starts = np.concatenate([[0], np.cumsum(widths)]).tolist()
    names = ["in", "a", "none", "b", "out"]
    roles = ["input", "hidden", "hidden", "hidden", "output"]
    layers = tuple(
        Layer(name, role, (width,), start, start + width)
        for name, role, width, start in zip(names, roles, widths, starts, strict=False)
    )
    A = np.zeros((28, 28), dtype=bool)
    A[0:9, 9:16] = rng.random((9, 7)) < np.linspace(0.1, 0.9, 7)
    A[9:16, 16:23] = np.eye(7)
    A[16:23, 23:28] = rng.random((7, 5)) < 0.5
    A[0:9, 23:28] = rng.random((9, 5)) < 0.3
    rows, columns = np.nonzero(A)
    weights = rng.standard_normal(rows.size).astype(dtype)
    weights[::4] = 0
    indptr = np.concatenate([[0], np.cumsum(A.sum(axis=1))])
    blocks = (
        Block("in", "a", "A", "linear", 63),
        Block("in", "none", "N", "linear", 0),
        Block("a", "b", None, "wiring", 0),
        Block("b", "out", "B", "linear", 35),
        Block("in", "out", "S", "linear", 45),
    )
    csr = csr_array((weights, columns, indptr), (28, 28))
    return NetGraph(csr, np.arange(1, rows.size + 1), layers, blocks)


def joint(graph: NetGraph, block: Block) -> list[tuple[float, int]]:
    """Weight and multiplicity of a block's edges, sorted."""
    edges = graph.block_edges(block.source, block.target)
    assert graph.multiplicity is not None
    return sorted(
        zip(graph.weights.data[edges].tolist(), graph.multiplicity[edges].tolist(), strict=True)
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("null", NULLS)
def test_what_every_null_keeps(null: nulls.rewire, dtype: type) -> None:
    graph = hostile(dtype)
    before = content(graph)
    for seed in range(20):
        drawn = null(graph, rng=seed)
        assert drawn.weights.dtype == dtype
        assert drawn.weights.has_canonical_format
        assert (np.diff(drawn.sources * 28 + drawn.weights.indices) > 0).all(), "no edge twice"
        assert drawn.layers == graph.layers
        assert drawn.blocks == graph.blocks
        for block in graph.blocks:
            assert joint(drawn, block) == joint(graph, block)
        assert (drawn.block("a", "b").toarray() == graph.block("a", "b").toarray()).all()
        assert content(null(graph, rng=drawn.provenance[-1].parameters["seed"])) == content(drawn)
        assert drawn.provenance[-1].function == null.__name__
    assert content(graph) == before


def test_rewire_keeps_degrees_in_every_block() -> None:
    graph, _ = planted([30, 40, 25, 30], 2, 0.4, 0.05, degree_heterogeneity=1.0, skips=0.5, rng=0)
    for each in (graph, hostile()):
        drawn = rewire(each, rng=1)
        for block in each.blocks:
            old, new = (x.pattern.block(block.source, block.target) for x in (each, drawn))
            for axis in (0, 1):
                assert (old.sum(axis=axis) == new.sum(axis=axis)).all()


def test_shuffle_weights_keeps_the_pattern_and_the_others_do_not() -> None:
    made, _ = planted([30, 30, 30], 2, 0.4, 0.05, rng=0)
    graph = made.with_weights(np.random.default_rng(0).standard_normal(made.n_edges))
    same = shuffle_weights(graph, rng=0)
    assert (same.weights.indices == graph.weights.indices).all()
    assert (same.weights.indptr == graph.weights.indptr).all()
    assert not (same.weights.data == graph.weights.data).all()
    assert not (rewire(graph, rng=0).weights.indices == graph.weights.indices).all()
    loose = shuffle_layer(graph, rng=0)
    assert not (np.diff(loose.weights.indptr) == np.diff(graph.weights.indptr)).all()


MARGINS = [
    ([2, 1, 1], [2, 1, 1]),
    ([1, 1, 1], [1, 1, 1]),
    ([3, 2, 1, 1], [3, 2, 1, 1]),
    ([2, 2], [1, 1, 1, 1]),
    ([1, 1, 1, 1], [2, 2]),
    ([3, 1, 1, 0, 2], [2, 3, 1, 1]),
    ([5, 3, 1], [1] * 9),
    ([4, 4, 1, 1, 1], [3, 3, 2, 2, 1]),
    ([4, 3, 1], [2, 2, 2, 2]),
]


def with_margins(rows: list[int], columns: list[int]) -> list[np.ndarray]:
    """Every 0/1 matrix with these row and column sums."""
    choices = [list(combinations(range(len(columns)), n)) for n in rows]
    matrices = []
    for chosen in product(*choices):
        matrix = np.zeros((len(rows), len(columns)))
        for row, held in enumerate(chosen):
            matrix[row, list(held)] = 1
        if (matrix.sum(axis=0) == columns).all():
            matrices.append(matrix)
    return matrices


@pytest.mark.parametrize(("rows", "columns"), MARGINS)
def test_rewire_is_uniform(rows: list[int], columns: list[int]) -> None:
    """Drawn from a chain of blocks that all hold one pattern or its transpose: a draw of many."""
    every = [matrix.tobytes() for matrix in with_margins(rows, columns)]
    assert len(every) > 1
    counts = dict.fromkeys(every, 0)
    start = np.frombuffer(every[0]).reshape(len(rows), len(columns))
    graph = from_matrices([start.T, start] * 20)
    for seed in range(3 * len(every) if len(every) < 100 else len(every) // 4):
        drawn = rewire(graph, rng=seed)
        for index, block in enumerate(drawn.blocks):
            matrix = drawn.block(block.source, block.target).toarray().astype(float)
            counts[np.ascontiguousarray(matrix.T if index % 2 else matrix).tobytes()] += 1
    assert len(counts) == len(every)
    assert chisquare(list(counts.values())).pvalue > 1e-3


def test_rewire_is_the_same_on_every_machine() -> None:
    pattern = np.zeros((4, 7))
    pattern[[0, 0, 0, 0, 2, 2, 2, 2, 2, 3], [0, 1, 2, 3, 2, 3, 4, 5, 6, 0]] = 1
    graph = from_matrices([pattern.T])
    graph = graph.with_weights(np.arange(10.0))
    drawn = rewire(graph, rng=2**62)
    assert (drawn.weights.indices - 4).tolist() == [0, 2, 3, 5, 0, 1, 2, 3, 4, 6]
    assert drawn.weights.data.tolist() == [2, 8, 7, 0, 4, 9, 1, 5, 3, 6]


@pytest.mark.parametrize("null", NULLS)
def test_weights_are_uniform_over_edges(null: nulls.rewire) -> None:
    """The largest weight is equally often on the first, second, … stored edge."""
    graph = from_matrices([np.array([[9.0, 2.0, 0.0], [3.0, 0.0, 4.0], [0.0, 6.0, 7.0]])])
    places = [int(null(graph, rng=seed).weights.data.argmax()) for seed in range(600)]
    assert chisquare(np.bincount(places, minlength=6)).pvalue > 1e-3


def test_shuffle_layer_is_uniform() -> None:
    graph = from_matrices([np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])])
    drawn = [shuffle_layer(graph, rng=seed).weights.toarray()[:3, 3:] for seed in range(1500)]
    codes = [int(matrix.ravel() @ 2 ** np.arange(6)) for matrix in drawn]
    counts = np.unique(codes, return_counts=True)[1]
    assert counts.size == 15  # two of six entries
    assert chisquare(counts).pvalue > 1e-3


def share_kept(graph: NetGraph, drawn: NetGraph) -> float:
    """Share of the edges that are there before and after."""
    before, after = (
        x.sources.astype(np.int64) * x.n_units + x.weights.indices for x in (graph, drawn)
    )
    return float(np.isin(after, before).mean())


def hub(degree: int, others: int) -> NetGraph:
    """One source with most edges: a trade replaces a few of them at most."""
    matrix = np.zeros((1 + others, degree + 2 * others))
    matrix[0, :degree] = 1
    for row in range(others):
        matrix[1 + row, degree + 2 * row : degree + 2 * row + 2] = 1
    return from_matrices([matrix.T])


MIXED: dict[str, tuple[NetGraph, float | None]] = {  # share kept at random, if known
    "modules": (planted([40, 40], 2, 0.6, 0.02, rng=0)[0], 0.32),
    "hub": (hub(120, 30), (120 * 120 + 60 * 2 * 30 / 30) / 180 / 180),
    "dense": (planted([30, 30], 1, 0.9, 0.9, rng=0)[0], 0.9),
    "sparse": (planted([24, 24], 1, 0.08, 0.08, rng=0)[0], 0.14),
    "unequal": (planted([30, 20], 1, 0.1, 0.1, degree_heterogeneity=1.5, rng=0)[0], None),
}


def kept_at_once(graph: NetGraph, n: int, *, times: int) -> tuple[list[float], tuple[float, float]]:
    """Shares of edges kept by single rewires; their mean less that of several in a row, ± error."""
    once = [share_kept(graph, rewire(graph, rng=seed)) for seed in range(n)]
    in_a_row = []
    for seed in range(n):
        drawn = graph
        for again in range(times):
            drawn = rewire(drawn, rng=1000 * again + seed)
        in_a_row.append(share_kept(graph, drawn))
    error = np.hypot(np.std(once), np.std(in_a_row)) / np.sqrt(n)
    return once, (float(np.mean(once) - np.mean(in_a_row)), float(error))


@pytest.mark.parametrize("name", MIXED)
def test_rewire_forgets_where_it_started(name: str) -> None:
    """More rounds overlap the start no less: modules leave no trace."""
    graph, expected = MIXED[name]
    once, (difference, error) = kept_at_once(graph, 60, times=3)
    assert abs(difference) < 3.5 * error
    if expected is not None:
        assert np.mean(once) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize(("degree", "others"), [(120, 30), (60, 20), (300, 20)])
def test_slow_rows_mix_as_well(degree: int, others: int) -> None:
    """A hub trades few of its edges in a round; all targets are alike, so its share is known."""
    graph = hub(degree, others)
    kept = [
        np.isin(rewire(graph, rng=seed).weights.indices[:degree] - 1 - others, np.arange(degree))
        for seed in range(200)
    ]
    expected = degree / (degree + 2 * others)
    spread = np.sqrt(expected * (1 - expected) / degree / 200)  # no less than of draws without
    assert np.mean(kept) == pytest.approx(expected, abs=3.5 * spread)  # replacement


def test_a_row_with_few_gaps_forgets_where_they_were() -> None:
    """One row has 80 of 100 columns, the others five: its gaps move slowly."""
    rng = np.random.default_rng(0)
    matrix = np.zeros((41, 100))
    for row, degree in enumerate([80] + [5] * 40):
        matrix[row, rng.permutation(100)[:degree]] = 1
    graph = from_matrices([matrix.T])
    _, (difference, error) = kept_at_once(graph, 100, times=2)
    assert abs(difference) < 3.5 * error < 0.009


def test_units_without_edges_change_no_draw() -> None:
    """8-36-36-8 units, most of them dead: the same draws as after `live`."""
    small, _ = planted([5, 7, 8, 5], 1, 0.5, 0.5, rng=2)
    small = small.live()
    rng = np.random.default_rng(0)
    wide = [8, 36, 36, 8]
    starts = np.concatenate([[0], np.cumsum(wide)])
    place = np.concatenate(
        [
            start + np.sort(rng.choice(width, layer.n_units, replace=False))
            for layer, width, start in zip(small.layers, wide, starts[:-1], strict=True)
        ]
    )
    rows, columns = place[small.sources], place[small.weights.indices]
    weights = rng.standard_normal(small.n_edges)
    layers = tuple(
        Layer(layer.name, layer.role, (width,), int(start), int(start + width))
        for layer, width, start in zip(small.layers, wide, starts[:-1], strict=True)
    )
    matrix = csr_array((weights, (rows, columns)), (88, 88))
    graph = NetGraph(matrix, None, layers, small.blocks)
    live = graph.live()
    assert (graph.n_units, live.n_units, live.n_edges) == (88, small.n_units, graph.n_edges)
    for seed in range(5):
        with_dead, without = rewire(graph, rng=seed), rewire(live, rng=seed)
        assert (place[without.sources] == with_dead.sources).all()
        assert (place[without.weights.indices] == with_dead.weights.indices).all()
        assert (without.weights.data == with_dead.weights.data).all()


def test_a_pattern_without_another_of_its_degrees_stays() -> None:
    full, _ = planted([4, 5], 1, 1.0, 1.0, rng=0)
    nested = from_matrices([np.tri(5)])
    for pattern in (full, nested):
        graph = pattern.with_weights(np.arange(1.0, pattern.n_edges + 1))
        drawn = rewire(graph, rng=0)
        assert (drawn.weights.indices == graph.weights.indices).all()
        assert (drawn.weights.data != graph.weights.data).any()


@pytest.mark.parametrize("null", NULLS)
def test_a_block_is_drawn_independently_of_the_others(null: nulls.rewire) -> None:
    short, _ = planted([9, 9, 9], 2, 0.6, 0.2, rng=0)
    long, _ = planted([9, 9, 9], 2, 0.6, 0.2, skips=1.0, rng=0)
    assert len(long.blocks) == len(short.blocks) + 1
    chain, skipping = (null(x.pattern, rng=0).block("input", "hidden1") for x in (short, long))
    assert (chain.toarray() == skipping.toarray()).all()


@pytest.mark.parametrize("null", NULLS)
def test_nothing_to_randomise(null: nulls.rewire) -> None:
    empty = from_matrices([np.zeros((3, 2)), np.zeros((2, 3))])
    assert null(empty, rng=0).n_edges == 0
    narrow = from_matrices([np.ones((1, 4)), np.ones((3, 1))])
    assert (null(narrow, rng=0).weights.toarray() == narrow.weights.toarray()).all()
    no_width = from_matrices([np.zeros((0, 2)), np.zeros((2, 0))])
    assert null(no_width, rng=0).n_units == 4
