"""Where plots put things: constraints, optimality and crossings against naive oracles."""

from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.sparse import csr_array

from netsculpt.graph.graph import Block, Layer, NetGraph
from netsculpt.graph.matrices import from_matrices
from netsculpt.graph.partition import Partition
from netsculpt.plots._drawing import edges as drawn_edges
from netsculpt.plots._drawing.edges import _shares, strongest
from netsculpt.plots.layouts.layered import layered
from netsculpt.plots.layouts.sweeps import line_order, stack


def _net(widths, density=0.2, k=3, seed=0, signed=True):
    rng = np.random.default_rng(seed)
    matrices = [
        rng.normal(size=(n_out, n_in)) * (rng.random((n_out, n_in)) < density)
        for n_in, n_out in pairwise(widths)
    ]
    return from_matrices(matrices if signed else [np.abs(matrix) for matrix in matrices]), (
        Partition(rng.integers(0, k, sum(widths)))
    )


def _crossings(graph: NetGraph, y: np.ndarray) -> int:
    """Pairs of edges between the same two layers that cross, by the definition."""
    source, target = graph.sources, graph.weights.indices
    pair = graph.layer_of[source] * len(graph.layers) + graph.layer_of[target]
    below = (y[source][:, None] - y[source]) * (y[target][:, None] - y[target]) < 0
    return int((below & (pair[:, None] == pair)).sum()) // 2


@pytest.mark.parametrize("seed", range(8))
def test_stack_is_the_nearest_legal_stacking(seed):
    rng = np.random.default_rng(seed)
    n, gap, room = 5, 1.0, 60.0
    extent, wanted = rng.uniform(1, 8, n), rng.uniform(-10, 70, n)
    middles = stack(wanted, extent, gap, room)
    low, high = middles - extent / 2, middles + extent / 2
    assert low[0] >= -1e-9
    assert high[-1] <= room + 1e-9
    assert (low[1:] - high[:-1] >= gap - 1e-9).all()
    witness = minimize(
        lambda y: (extent * (y - wanted) ** 2).sum(),
        np.linspace(5, 55, n),
        jac=lambda y: 2 * extent * (y - wanted),
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 500},
        constraints=[
            {
                "type": "ineq",
                "fun": lambda y: (y - extent / 2)[1:] - (y + extent / 2)[:-1] - gap,
            },
            {"type": "ineq", "fun": lambda y: [y[0] - extent[0] / 2]},
            {"type": "ineq", "fun": lambda y: [room - y[-1] - extent[-1] / 2]},
        ],
    )
    cost = (extent * (middles - wanted) ** 2).sum()
    assert cost <= witness.fun * (1 + 1e-6) + 1e-6


def test_line_order_unscrambles_a_chain():
    rng = np.random.default_rng(0)
    chain = rng.permutation(12)
    ties = np.zeros((12, 12))
    ties[chain[:-1], chain[1:]] = ties[chain[1:], chain[:-1]] = 1.0
    order = line_order(csr_array(ties))
    assert order.tolist() in (chain.tolist(), chain[::-1].tolist())


def test_line_order_is_a_permutation_near_the_best():
    rng = np.random.default_rng(1)
    ties = np.triu(rng.gamma(0.5, size=(7, 7)), 1)
    ties += ties.T

    def length(order):
        place = np.argsort(order)
        return (ties * np.abs(place[:, None] - place)).sum()

    order = line_order(csr_array(ties))
    assert sorted(order.tolist()) == list(range(7))
    lengths = sorted(length(np.array(one)) for one in permutations(range(7)))
    assert length(order) <= lengths[len(lengths) // 20]  # among the best 5 %


@pytest.mark.parametrize("seed", range(5))
def test_no_swap_of_neighbours_shortens_the_line(seed):
    rng = np.random.default_rng(seed)
    ties = np.triu(rng.gamma(0.5, size=(12, 12)) * (rng.random((12, 12)) < 0.3), 1)
    ties += ties.T
    order = line_order(csr_array(ties))

    def length(order):
        place = np.argsort(order)
        return (ties * np.abs(place[:, None] - place)).sum()

    for at in range(11):
        swapped = order.copy()
        swapped[[at, at + 1]] = order[[at + 1, at]]
        assert length(swapped) >= length(order) - 1e-9


def test_line_order_without_ties_keeps_the_order():
    assert line_order(csr_array((4, 4))).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("widths", [(4, 24, 24, 4), (64, 200, 90, 10), (784, 300, 3), (1, 1), (9,)])
@pytest.mark.parametrize("k", [1, 3, 20])
def test_units_stay_apart_in_the_box_and_modules_contiguous(widths, k):
    if len(widths) > 1:
        graph, partition = _net(widths, k=k)
    else:
        layers = (Layer("only", "hidden", widths, 0, widths[0]),)
        graph = NetGraph(csr_array((widths[0], widths[0])), None, layers, ())
        partition = Partition(np.arange(widths[0]) % k)
    width, height = 380.0, 160.0
    layout = layered(graph, partition.labels, width, height)
    places = np.column_stack([layout.x, layout.y])
    distance = np.linalg.norm(places[:, None] - places, axis=-1)
    np.fill_diagonal(distance, np.inf)
    radius = layout.diameter[graph.layer_of] / 2
    assert (distance >= (radius[:, None] + radius) * 0.999).all()
    assert (layout.x - radius >= -1e-6).all()
    assert (layout.x + radius <= width + 1e-6).all()
    assert (layout.y - radius >= -1e-6).all()
    assert (layout.y + radius <= height + 1e-6).all()
    for at, layer in enumerate(graph.layers):
        here = np.flatnonzero(layout.segment_layer == at)
        assert here.size == np.unique(partition.labels[layer.units]).size
        for segment in here:
            mine = partition.labels[layer.units] == layout.segment_label[segment]
            y = layout.y[layer.units]
            assert y[mine].min() >= layout.low[segment] - 1e-6
            assert y[mine].max() <= layout.high[segment] + 1e-6
        order = here[np.argsort(layout.low[here])]
        assert (layout.low[order[1:]] - layout.high[order[:-1]] >= layout.gap - 1e-6).all()


def test_modules_keep_one_order_in_all_layers():
    graph, partition = _net((64, 100, 96, 30, 10), k=7)
    layout = layered(graph, partition.labels, 380, 160)
    above = np.zeros((7, 7), dtype=int)
    for at in range(5):
        here = np.flatnonzero(layout.segment_layer == at)
        order = layout.segment_label[here[np.argsort(layout.low[here])]]
        for place, module in enumerate(order):
            above[module, order[place + 1 :]] = 1
    assert not (above & above.T).any()


def test_crossings_are_reduced():
    graph, _ = _net((20, 30, 30, 10), density=0.08)
    none = np.full(graph.n_units, -1)
    as_given = np.concatenate([np.arange(layer.n_units) for layer in graph.layers])
    assert _crossings(graph, layered(graph, none, 380, 400).y) < 0.6 * _crossings(graph, as_given)


def test_a_scrambled_ladder_is_drawn_without_crossings():
    order = np.random.default_rng(0).permutation(16)
    ladder = np.eye(16)[order]
    ladder[np.arange(15), order[1:]] = 1.0  # also to the next: the ladder hangs together
    graph = from_matrices([ladder])
    layout = layered(graph, np.full(32, -1), 300, 300)
    assert _crossings(graph, layout.y) == 0


def test_the_layout_does_not_depend_on_a_factor_of_the_weights_nor_on_the_run():
    graph, partition = _net((12, 20, 8))
    one = layered(graph, partition.labels, 300, 150)
    for other in (graph, graph.with_weights(graph.weights.data * 1024)):
        again = layered(other, partition.labels, 300, 150)
        assert np.array_equal(one.x, again.x)
        assert np.allclose(one.y, again.y)


def test_stored_zeros_are_edges_that_pull():
    matrix = np.zeros((3, 3))
    graph = from_matrices([matrix], [np.fliplr(np.eye(3))])
    assert graph.n_edges == 3
    layout = layered(graph, np.full(6, -1), 100, 100)
    assert _crossings(graph, layout.y) == 0
    assert strongest(graph).size == 3


def test_all_edges_are_drawn_weakest_first():
    graph, _ = _net((40, 60, 20))
    shown = strongest(graph)
    assert sorted(shown.tolist()) == list(range(graph.n_edges))
    assert (np.diff(np.abs(graph.weights.data[shown])) >= 0).all()


def test_of_more_edges_the_strongest_of_each_pair_are_drawn(monkeypatch):
    monkeypatch.setattr(drawn_edges, "MOST_EDGES", 3000)
    graph, _ = _net((100, 90, 60, 5), density=0.9)
    shown = strongest(graph)
    assert shown.size == 3000
    drawn = np.zeros(graph.n_edges, dtype=bool)
    drawn[shown] = True
    magnitude = np.abs(graph.weights.data)
    number = []
    for block in graph.blocks:
        edges = np.arange(graph.n_edges)[graph.block_edges(block.source, block.target)]
        number.append(int(drawn[edges].sum()))
        if not drawn[edges].all():
            assert magnitude[edges][drawn[edges]].min() >= magnitude[edges][~drawn[edges]].max()
    small = graph.block("hidden2", "output").nnz
    assert number[2] == small  # fewer than its third: all of them
    assert sorted(number[:2]) == [(3000 - small) // 2, 3000 - small - (3000 - small) // 2]


def test_equal_weights_are_thinned_evenly_over_the_sources(monkeypatch):
    monkeypatch.setattr(drawn_edges, "MOST_EDGES", 3000)
    graph = from_matrices([np.ones((100, 100))])
    per_source = np.bincount(graph.sources[strongest(graph)], minlength=200)[:100]
    assert per_source.sum() == 3000
    assert per_source.min() > 15
    assert per_source.max() < 45


@pytest.mark.parametrize("sizes", [[5, 5], [1, 100], [1, 2, 100, 100], [0, 7], [30, 1, 30, 1]])
def test_shares_fill_up_like_water(sizes):
    total = 20
    shares = _shares(np.array(sizes), total)
    left = list(sizes)
    given = [0] * len(sizes)
    for _ in range(min(total, sum(sizes))):  # one at a time to whom has least and wants more
        at = min((i for i in range(len(sizes)) if left[i]), key=lambda i: given[i])
        given[at] += 1
        left[at] -= 1
    assert shares.sum() == sum(given)
    assert sorted(shares.tolist()) == sorted(given)
    assert all(abs(a - b) <= 1 for a, b in zip(shares.tolist(), given, strict=True))


def test_skip_connections_hold_their_units_together():
    layers = tuple(Layer(x, "hidden", (2,), 2 * i, 2 * i + 2) for i, x in enumerate("abc"))
    dense = np.zeros((6, 6))
    dense[0, 5] = dense[1, 4] = 1.0  # crosswise from a to c, past b
    blocks = (Block("a", "c", None, "wiring", 0),)
    graph = NetGraph(csr_array(dense), None, layers, blocks)
    layout = layered(graph, np.full(6, -1), 100, 50)
    assert (layout.y[0] - layout.y[1]) * (layout.y[5] - layout.y[4]) > 0
