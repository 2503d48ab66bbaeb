"""Null models keep what they say and randomise all the rest."""

from __future__ import annotations

from importlib import import_module
from itertools import combinations, product

import numpy as np
import pytest
from graphs import content
from scipy.sparse import csr_array
from scipy.stats import chisquare

from netsculpt import Block, Layer, NetGraph, from_matrices, nulls, planted
from netsculpt.nulls import rewire, shuffle_layer, shuffle_weights

NULLS = [rewire, shuffle_layer, shuffle_weights]
FORMS = {"numpy": 1 << 62, "compiled": 0}  # edges from which rewire trades in compiled code


@pytest.fixture(params=list(FORMS))
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Rewire in each of its two forms."""
    compile_from(monkeypatch, FORMS[request.param])
    return str(request.param)


def compile_from(monkeypatch: pytest.MonkeyPatch, n_edges: int) -> None:
    monkeypatch.setattr(import_module("netsculpt.nulls.models.rewire"), "_COMPILE_FROM", n_edges)


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
    keeps(null, hostile(dtype))


def test_what_compiled_rewire_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    compile_from(monkeypatch, 0)
    keeps(rewire, hostile())


def keeps(null: nulls.rewire, graph: NetGraph) -> None:
    dtype = graph.weights.dtype
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


@pytest.mark.usefixtures("form")
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


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize(("rows", "columns"), MARGINS)
def test_rewire_is_uniform(rows: list[int], columns: list[int]) -> None:
    every = [matrix.tobytes() for matrix in with_margins(rows, columns)]
    assert len(every) > 1
    start = np.frombuffer(every[0]).reshape(len(rows), len(columns))
    graph = from_matrices([start.T])
    n_draws = 25 * len(every) + 100
    drawn = [
        rewire(graph, rng=seed).block("input", "output").toarray().astype(float).tobytes()
        for seed in range(n_draws)
    ]
    counts = [drawn.count(matrix) for matrix in every]
    assert sum(counts) == n_draws
    assert chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize(
    ("rows", "columns"),
    [*MARGINS, ([5, 3, 1], [1] * 9), ([4, 4, 1, 1, 1], [3, 3, 2, 2, 1]), ([4, 3, 1], [2, 2, 2, 2])],
)
def test_compiled_trades_are_uniform(rows: list[int], columns: list[int]) -> None:
    """Ten times as many draws as above: a bias of some percent is seen."""
    from netsculpt.nulls.models._compiled import trade

    every = [matrix.tobytes() for matrix in with_margins(rows, columns)]
    start = np.frombuffer(every[0]).reshape(len(rows), len(columns))
    held = np.nonzero(start)[1].astype(np.int32)
    indptr = np.concatenate([[0], np.cumsum(rows)])
    row_of = np.repeat(np.arange(len(rows)), rows)
    counts = dict.fromkeys(every, 0)
    for seed in range(400 * len(every) if len(every) < 100 else 100 * len(every)):
        drawn, matrix = held.copy(), np.zeros_like(start)
        trade(indptr, drawn, len(columns), 20, np.uint64(seed))
        matrix[row_of, drawn] = 1
        counts[matrix.tobytes()] += 1
    assert len(counts) == len(every)
    assert chisquare(list(counts.values())).pvalue > 1e-3


def test_compiled_trades_are_the_same_on_every_machine() -> None:
    from netsculpt.nulls.models._compiled import trade

    columns = np.array([0, 1, 2, 3, 2, 3, 4, 5, 6, 0], np.int32)
    trade(np.array([0, 4, 4, 9, 10]), columns, 7, 3, np.uint64(2**64 - 1))
    assert columns.tolist() == [2, 3, 1, 6, 0, 2, 3, 5, 4, 0]


def test_large_graphs_are_traded_in_compiled_code(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, _ = planted([20, 20], 2, 0.6, 0.2, rng=0)
    drawn = {}
    for name, least in {**FORMS, "at": graph.n_edges, "below": graph.n_edges + 1}.items():
        compile_from(monkeypatch, least)
        drawn[name] = content(rewire(graph, rng=0))
    assert drawn["compiled"] == drawn["at"] != drawn["below"] == drawn["numpy"]


@pytest.mark.usefixtures("form")
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


@pytest.mark.usefixtures("form")
def test_rewire_forgets_where_it_started() -> None:
    """Twice the rounds overlap the start no less: modules leave no trace."""
    graph, _ = planted([40, 40], 2, 0.6, 0.02, rng=0)
    start = set(zip(graph.sources.tolist(), graph.weights.indices.tolist(), strict=True))

    def overlap(drawn: NetGraph) -> float:
        ends = zip(drawn.sources.tolist(), drawn.weights.indices.tolist(), strict=True)
        return len(start & set(ends)) / len(start)

    once = [overlap(rewire(graph, rng=seed)) for seed in range(30)]
    twice = [overlap(rewire(rewire(graph, rng=seed), rng=100 + seed)) for seed in range(30)]
    error = np.hypot(np.std(once), np.std(twice)) / np.sqrt(30)
    assert abs(np.mean(once) - np.mean(twice)) < 3 * error
    assert np.mean(once) < 0.45


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize("null", NULLS)
def test_a_block_is_drawn_independently_of_the_others(null: nulls.rewire) -> None:
    short, _ = planted([9, 9, 9], 2, 0.6, 0.2, rng=0)
    long, _ = planted([9, 9, 9], 2, 0.6, 0.2, skips=1.0, rng=0)
    assert len(long.blocks) == len(short.blocks) + 1
    chain, skipping = (null(x.pattern, rng=0).block("input", "hidden1") for x in (short, long))
    assert (chain.toarray() == skipping.toarray()).all()


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize("null", NULLS)
def test_nothing_to_randomise(null: nulls.rewire) -> None:
    empty = from_matrices([np.zeros((3, 2)), np.zeros((2, 3))])
    assert null(empty, rng=0).n_edges == 0
    narrow = from_matrices([np.ones((1, 4)), np.ones((3, 1))])
    assert (null(narrow, rng=0).weights.toarray() == narrow.weights.toarray()).all()
    no_width = from_matrices([np.zeros((0, 2)), np.zeros((2, 0))])
    assert null(no_width, rng=0).n_units == 4
