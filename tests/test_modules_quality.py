"""Layer-aware modularity and n-cut against their definitions."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from scipy.sparse import csr_array

from netsculpt import Block, GraphError, Layer, NetGraph, Partition, from_matrices, planted
from netsculpt.graph.graph import live_units
from netsculpt.modules import leiden, ncut, quality, spectral


def skipping(seed: int = 0, dtype: type = np.float32) -> NetGraph:
    """Skips, stored zeros, dead units and many degrees."""
    graph, _ = planted([7, 9, 6, 8], 3, 0.4, 0.15, skips=0.5, degree_heterogeneity=0.8, rng=seed)
    weights = graph.weights.data.astype(dtype)
    weights[::5] = 0
    return graph.with_weights(weights)


def some_labels(graph: NetGraph, seed: int, k: int = 3) -> Partition:
    return Partition(np.random.default_rng(seed).integers(-1, k, graph.n_units))


def q_by_definition(graph: NetGraph, partition: Partition, gamma: float = 1.0) -> float:
    live = live_units(graph)
    W = np.abs(graph.weights.toarray().astype(np.float64)) * np.outer(live, live)
    c = partition.labels
    gain = total = 0.0
    for block in graph.blocks:
        here, there = graph.layer(block.source), graph.layer(block.target)
        m_p = W[here.units, there.units].sum()
        total += m_p
        for i in range(here.start, here.stop):
            for j in range(there.start, there.stop):
                if m_p > 0 and c[i] == c[j] >= 0:
                    s_out, s_in = W[i, there.units].sum(), W[here.units, j].sum()
                    gain += W[i, j] - gamma * s_out * s_in / m_p
    return gain / total


@pytest.mark.parametrize("gamma", [0.0, 0.6, 1.0, 2.5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(3))
def test_quality_is_its_definition(seed: int, dtype: type, gamma: float) -> None:
    graph = skipping(seed, dtype)
    assert not live_units(graph).all(), "the example must have dead units"
    for labels in range(3):
        partition = some_labels(graph, labels)
        expected = q_by_definition(graph, partition, gamma)
        assert quality(graph, partition, gamma) == pytest.approx(expected, abs=1e-12)


def test_one_layer_pair_is_directed_modularity() -> None:
    graph, _ = planted([12, 14], 2, 0.6, 0.2, rng=1)
    partition = Partition(np.random.default_rng(0).integers(0, 3, graph.n_units))
    live = live_units(graph)
    net = nx.DiGraph()
    net.add_nodes_from(np.flatnonzero(live).tolist())
    ends = zip(graph.sources.tolist(), graph.weights.indices.tolist(), strict=True)
    for (u, v), w in zip(ends, np.abs(graph.weights.data).astype(float).tolist(), strict=True):
        net.add_edge(u, v, weight=w)
    groups = [set(np.flatnonzero((partition.labels == c) & live).tolist()) for c in range(3)]
    expected = nx.community.modularity(net, groups, weight="weight")
    assert quality(graph, partition) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("k", range(1, 7))
@pytest.mark.parametrize("n_layers", [2, 3, 9, 20])
def test_perfect_modules(n_layers: int, k: int) -> None:
    graph, truth = planted([2 * k] * n_layers, k, 1.0, 0.0, rng=0)
    assert quality(graph.pattern, truth) == pytest.approx(1 - 1 / k, abs=1e-12)
    assert ncut(graph, truth) == 0


def test_one_module_is_zero() -> None:
    graph = skipping()
    whole = Partition(np.zeros(graph.n_units, dtype=int))
    assert quality(graph, whole) == pytest.approx(0, abs=1e-12)
    assert quality(graph, whole, 0.25) == pytest.approx(0.75, abs=1e-12)
    assert ncut(graph, whole) == 0


def test_no_module_is_a_module_of_its_own() -> None:
    graph = skipping()
    some = some_labels(graph, 4)
    alone = some.labels.copy()
    alone[alone < 0] = 100 + np.arange((alone < 0).sum())
    assert quality(graph, some) == pytest.approx(quality(graph, Partition(alone)), abs=1e-15)


def test_dead_units_change_nothing() -> None:
    graph = skipping()
    live = live_units(graph)
    partition = some_labels(graph, 1)
    inside = Partition(partition.labels[live])
    assert quality(graph, partition) == pytest.approx(quality(graph.live(), inside), abs=1e-12)
    assert ncut(graph, partition) == pytest.approx(ncut(graph.live(), inside), abs=1e-12)


def test_scale_and_sign_do_not_matter() -> None:
    graph = skipping(dtype=np.float64)
    partition = some_labels(graph, 2)
    scaled = graph.with_weights(graph.weights.data * -1e-30)
    assert quality(scaled, partition) == pytest.approx(quality(graph, partition), abs=1e-12)
    assert ncut(scaled, partition) == pytest.approx(ncut(graph, partition), abs=1e-12)


def test_wiring_counts() -> None:
    layers = (Layer("in", "input", (2,), 0, 2), Layer("out", "output", (2,), 2, 4))
    identity = csr_array((np.ones(2), ([0, 1], [2, 3])), (4, 4))
    graph = NetGraph(identity, None, layers, (Block("in", "out", None, "wiring", 0),))
    assert quality(graph, Partition([0, 1, 0, 1])) == pytest.approx(0.5)


@pytest.mark.parametrize("measure", [quality, ncut])
def test_nothing_to_measure(measure: type) -> None:
    empty = from_matrices([np.zeros((3, 2)), np.zeros((2, 3))])
    assert measure(empty, Partition(np.zeros(7, dtype=int))) == 0
    zeros = from_matrices([np.zeros((2, 2))], [np.ones((2, 2))])
    assert zeros.n_edges == 4
    assert measure(zeros, Partition([0, 1, 0, 1])) == 0


@pytest.mark.parametrize("measure", [quality, ncut])
def test_partition_of_another_network(measure: type) -> None:
    with pytest.raises(GraphError, match="2 labels, the graph 30 units"):
        measure(skipping(), Partition([0, 1]))


@pytest.mark.parametrize("seed", range(3))
def test_ncut_is_its_definition(seed: int) -> None:
    graph = skipping(seed)
    partition = some_labels(graph, seed)
    live = live_units(graph)
    W = np.abs(graph.weights.toarray().astype(np.float64)) * np.outer(live, live)
    A = W + W.T
    expected = 0.0
    for module in range(partition.n_modules):
        inside = (partition.labels == module) & live
        expected += A[inside][:, ~inside].sum() / A[inside].sum()
    assert ncut(graph, partition) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e200, 1e307])
def test_shares_of_weight_have_no_scale(scale: float) -> None:
    made, truth = planted([8, 8, 8], 2, 0.9, 0.1, rng=0)
    graph = made.with_weights(made.weights.data.astype(np.float64) * scale)
    assert quality(graph, truth) == pytest.approx(quality(made, truth), rel=1e-12)
    assert ncut(graph, truth) == pytest.approx(ncut(made, truth), rel=1e-12)
    for detect in (leiden, spectral):
        assert (detect(graph, rng=0).labels == detect(made, rng=0).labels).all()


def test_vanishing_weights_join_no_units() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        weights = [rng.standard_normal((6, 6)).astype(np.float32) for _ in range(3)]
        tiny = [rng.random(weight.shape) < 0.6 for weight in weights]
        pairs = list(zip(weights, tiny, strict=True))
        vanishing, none = (
            from_matrices(
                [np.where(small, weight * np.float32(factor), weight) for weight, small in pairs],
                [np.ones((6, 6))] * 3,
            )
            for factor in (1e-40, 0)
        )
        labels = spectral(vanishing, rng=0).labels
        assert labels.tobytes() == spectral(none, rng=0).labels.tobytes()


def test_labels_are_wrapped() -> None:
    graph, truth = planted([4, 4], 2, 1.0, 0.0, rng=0)
    with pytest.raises(GraphError, match=r"wrap labels as Partition\(labels\)"):
        quality(graph, truth.labels)  # type: ignore[arg-type]
    with pytest.raises(GraphError, match="resolution is nan"):
        quality(graph, truth, float("nan"))
