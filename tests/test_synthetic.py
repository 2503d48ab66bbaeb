"""Planted networks have the density, modules and degrees that were asked for."""

from __future__ import annotations

import numpy as np
import pytest

from netsculpt import GraphError, NetGraph, planted, significance
from netsculpt.graph import synthetic
from netsculpt.graph.graph import live_units
from netsculpt.nulls import rewire


@pytest.mark.parametrize("sigma", [0.0, 1.0])
def test_perfect_modules(sigma: float) -> None:
    graph, truth = planted([6, 4, 7], 2, 1.0, 0.0, skips=1.0, degree_heterogeneity=sigma, rng=0)
    same = truth.labels[:, None] == truth.labels
    expected = same & (graph.layer_of[:, None] < graph.layer_of)
    assert ((graph.weights.toarray() != 0) == expected).all()
    assert (truth.n_modules, truth.labels.size) == (2, 17)
    assert [(x.source, x.target) for x in graph.blocks] == [
        ("input", "hidden1"),
        ("hidden1", "output"),
        ("input", "output"),
    ]
    assert [x.size for x in graph.blocks] == [24, 28, 42]


@pytest.mark.parametrize("widths", [[8, 8], [10, 7, 5, 13], [3, 100]])
def test_modules_split_layers_evenly(widths: list[int]) -> None:
    graph, truth = planted(widths, 3, 0.5, 0.5, rng=0)
    for layer in graph.layers:
        sizes = np.bincount(truth.labels[layer.units], minlength=3)
        assert sizes.max() - sizes.min() <= 1


def test_densities() -> None:
    graph, truth = planted([200] * 3, 4, 0.3, 0.05, skips=0.5, rng=1)
    for block, factor in zip(graph.blocks, (1, 1, 0.5), strict=True):
        here, there = graph.layer(block.source), graph.layer(block.target)
        A = graph.block(block.source, block.target).toarray() != 0
        same = truth.labels[here.units][:, None] == truth.labels[there.units]
        assert A[same].mean() == pytest.approx(0.3 * factor, rel=0.08)
        assert A[~same].mean() == pytest.approx(0.05 * factor, rel=0.08)


def test_heterogeneous_degrees() -> None:
    even, _ = planted([300, 300], 1, 0.1, 0.1, rng=2)
    uneven, _ = planted([300, 300], 1, 0.1, 0.1, degree_heterogeneity=0.75, rng=2)
    spread = [np.var(x.pattern.weights.sum(axis=1)[:300]) for x in (even, uneven)]
    assert spread[0] == pytest.approx(300 * 0.1 * 0.9, rel=0.3)
    assert spread[1] > 5 * spread[0]


@pytest.mark.slow
def test_propensities_say_nothing_but_degrees() -> None:
    """Without modules, hubs meet as often as in rewired networks."""

    def hubs_meet(graph: NetGraph) -> float:
        A = graph.pattern.block("input", "output")
        return float(A.sum(axis=1) @ A @ A.sum(axis=0))

    z = []
    for seed in range(50):
        graph, _ = planted([20, 20], 1, 0.3, 0.3, degree_heterogeneity=1.0, rng=seed)
        z.append(significance(hubs_meet, graph, null=rewire, n=20, rng=seed).z)
    assert abs(np.mean(z)) < 0.5  # sd .14


def test_weights_are_ones() -> None:
    graph, _ = planted([20, 20], 2, 0.9, 0.9, rng=0)
    assert graph.weights.dtype == np.float32
    assert set(graph.weights.data.tolist()) == {1.0}


def test_seeds_and_stages() -> None:
    graph, truth = planted([9, 9, 9], 3, 0.5, 0.2, rng=5)
    again, _ = planted([9, 9, 9], 3, 0.5, 0.2, rng=5)
    skipping, _ = planted([9, 9, 9], 3, 0.5, 0.2, skips=1.0, rng=5)
    assert graph.weights.data.tobytes() == again.weights.data.tobytes()
    assert graph.weights.indices.tobytes() == again.weights.indices.tobytes()
    chain, with_skips = (x.block("input", "hidden1").indices for x in (graph, skipping))
    assert chain.tobytes() == with_skips.tobytes()
    parameters = graph.provenance[0].parameters
    assert parameters["seed"] == 5
    assert parameters["widths"] == [9, 9, 9]
    assert truth.method == "planted"


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = planted([50, 40, 30], 3, 0.5, 0.2, rng=5)
    monkeypatch.setattr(synthetic, "_CHUNK", 100)
    parts, _ = planted([50, 40, 30], 3, 0.5, 0.2, rng=5)
    assert whole.weights.indices.tobytes() == parts.weights.indices.tobytes()


def test_no_edges() -> None:
    graph, truth = planted([3, 3, 3], 3, 0.0, 0.0, rng=0)
    assert graph.n_edges == 0
    assert truth.n_modules == 3
    assert not live_units(graph).any()


@pytest.mark.parametrize(
    "wrong",
    [
        {"widths": [8]},
        {"k": 0},
        {"k": 9},
        {"p_in": 1.1},
        {"p_out": -0.1},
        {"p_out": np.nan},
        {"degree_heterogeneity": -1.0},
        {"skips": np.inf},
    ],
)
def test_what_is_refused(wrong: dict[str, object]) -> None:
    right = {"widths": [8, 8], "k": 2, "p_in": 0.5, "p_out": 0.1}
    with pytest.raises(GraphError):
        planted(**(right | wrong))


def test_certain_edges_stay_certain() -> None:
    graph, _ = planted([8, 8], 2, 1.0, 0.0, 1000.0, 0.0, rng=0)
    assert graph.n_edges == 32
