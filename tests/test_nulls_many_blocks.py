"""Rewiring of networks of very many blocks in one call: the same null model, drawn another way."""

from __future__ import annotations

import os
import sys
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.stats import chisquare

from netsculpt import NetGraph, planted
from netsculpt.core.parallel import for_threads
from netsculpt.graph.attribution import planted_supernodes
from netsculpt.graph.graph import Block, Layer
from netsculpt.graph.matrices import from_matrices
from netsculpt.nulls import by_token, rebalanced, rewire, significance

MODULE = sys.modules[rewire.__module__]


@pytest.fixture(autouse=True)
def _few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODULE, "_MANY_BLOCKS", 0)


def skipping(seed: int) -> NetGraph:
    """Four layers, all connected to all later ones; weights tell blocks apart."""
    rng = np.random.default_rng(seed)
    bounds = [0, 7, 16, 17, 30]
    layers = tuple(
        Layer(str(at), "hidden", (stop - start,), start, stop)
        for at, (start, stop) in enumerate(pairwise(bounds))
    )
    layer_of = np.repeat(np.arange(4), np.diff(bounds))
    matrix = rng.random((30, 30)) * (rng.random((30, 30)) < 0.4)
    matrix[layer_of[:, None] >= layer_of] = 0
    pairs = [(a, b) for b in range(4) for a in range(b)]
    kinds = {(0, 3): "wiring"}
    blocks = tuple(Block(str(a), str(b), None, kinds.get((a, b), "linear"), 0) for a, b in pairs)
    return NetGraph(csr_array(matrix), None, layers, blocks)


def degrees(graph: NetGraph) -> Counter[tuple[int, int, bool]]:
    """Edges of each unit to, and from, each layer."""
    sources, targets, layer = graph.sources, graph.weights.indices, graph.layer_of
    out = zip(sources.tolist(), layer[targets].tolist(), [True] * targets.size, strict=True)
    into = zip(targets.tolist(), layer[sources].tolist(), [False] * targets.size, strict=True)
    return Counter([*out, *into])


@pytest.mark.parametrize("seed", range(5))
def test_each_block_keeps_its_degrees_and_its_weights(seed: int) -> None:
    graph = skipping(seed)
    drawn = rewire(graph, rng=1)
    assert degrees(drawn) == degrees(graph)
    assert (drawn.weights != graph.weights).nnz > graph.n_edges / 2
    for block in graph.blocks:
        one, two = (x.block(block.source, block.target) for x in (graph, drawn))
        assert np.array_equal(np.sort(one.data), np.sort(two.data))
        if block.kind == "wiring":
            assert np.array_equal(one.toarray(), two.toarray())
    assert [step.function for step in drawn.provenance] == ["rewire"]


def test_same_seed_same_bytes_and_columns_move_with_their_weights() -> None:
    graph = skipping(0)
    graph = replace(graph, multiplicity=np.arange(1, graph.n_edges + 1))
    one, two, other = (rewire(graph, rng=seed) for seed in (3, 3, 4))
    assert np.array_equal(one.weights.indices, two.weights.indices)
    assert np.array_equal(one.weights.data, two.weights.data)
    assert not np.array_equal(one.weights.indices, other.weights.indices)
    weight_of = dict(zip(graph.multiplicity.tolist(), graph.weights.data.tolist(), strict=True))
    assert one.weights.data.tolist() == [weight_of[x] for x in one.multiplicity.tolist()]


def test_all_patterns_with_the_same_degrees_are_equally_likely() -> None:
    pattern = np.array([[1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0]])
    graph = from_matrices([pattern, np.ones((2, 3))])
    names = graph.layers[0].name, graph.layers[1].name
    draws = (rewire(graph, rng=seed).block(*names) for seed in range(1500))
    seen = Counter(drawn.toarray().astype(bool).tobytes() for drawn in draws)
    possible = {
        matrix.tobytes()
        for bits in range(1 << 12)
        for matrix in [((bits >> np.arange(12)) & 1).astype(bool).reshape(4, 3)]
        if (matrix.sum(0) == pattern.sum(1)).all() and (matrix.sum(1) == pattern.sum(0)).all()
    }
    assert set(seen) == possible
    assert chisquare(list(seen.values())).pvalue > 1e-3


def test_equal_blocks_are_not_drawn_alike() -> None:
    pattern = (np.random.default_rng(0).random((20, 20)) < 0.3).astype(float)
    graph = from_matrices([pattern, pattern])
    drawn = rewire(graph, rng=0)
    one, two = (drawn.block(a.name, b.name).toarray() for a, b in pairwise(drawn.layers))
    assert not np.array_equal(one, two)


def test_as_much_is_left_of_the_network_as_in_other_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, _ = planted([60, 50, 60, 40], 2, 0.3, 0.1, rng=0)
    edges = set(zip(graph.sources.tolist(), graph.weights.indices.tolist(), strict=True))

    def kept() -> np.ndarray:
        draws = (rewire(graph, rng=seed) for seed in range(40))
        ends = (zip(x.sources.tolist(), x.weights.indices.tolist(), strict=True) for x in draws)
        return np.array([len(edges.intersection(x)) for x in ends]) / len(edges)

    at_once = kept()
    monkeypatch.setattr(MODULE, "_MANY_BLOCKS", 10_000)
    by_block = kept()
    error = np.hypot(at_once.std(), by_block.std()) / 40**0.5
    assert abs(at_once.mean() - by_block.mean()) < 4 * error


@pytest.mark.parametrize("in_order", [True, False])
def test_tokens_are_kept(in_order: bool) -> None:
    graph, _ = planted_supernodes(3, 20, 2, rng=0)
    at = graph.attributes["token_position"]
    if not in_order:  # the null model then has other units at each token than the file
        at = np.random.default_rng(0).permutation(at)
        graph = replace(graph, attributes={**graph.attributes, "token_position": at})
    place = graph.layer_of.astype(int) * 100 + at

    def counts(drawn: NetGraph) -> Counter[tuple[int, int]]:
        return Counter(
            zip(drawn.sources.tolist(), place[drawn.weights.indices].tolist(), strict=True)
        )

    drawn = by_token(rewire)(graph, rng=1)
    assert counts(drawn) == counts(graph)
    assert (drawn.weights != graph.weights).nnz > graph.n_edges / 4
    assert np.array_equal(drawn.weights.toarray(), by_token(rewire)(graph, rng=1).weights.toarray())


def test_draws_that_keep_tokens_share_one_process() -> None:
    graph, _ = planted_supernodes(3, 20, 2, rng=0)

    def pid(graph: NetGraph) -> float:
        return float(os.getpid() + 0 * graph.n_edges)

    test = significance(for_threads(pid), graph, null=rebalanced(by_token(rewire)), n=4, jobs=2)
    assert set(test.draws.tolist()) == {os.getpid()}
