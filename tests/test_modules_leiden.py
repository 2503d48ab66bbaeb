"""The Leiden detector optimises layer-aware modularity, and finds planted modules."""

from __future__ import annotations

import igraph
import leidenalg
import networkx as nx
import numpy as np
import pytest

from netsculpt import NetGraph, Partition, planted
from netsculpt.modules import compare, layer_ami, leiden, quality

# ARI of the layer-aware form on unit weights, k = 4, 10 networks: widths, p_in, p_out, σ.
PLANTED = [
    ([32] * 5, 0.35, 0.03, 0.0, 0.92),
    pytest.param([256, 64, 64, 32, 16], 0.2, 0.04, 0.0, 0.63, marks=pytest.mark.slow),
    ([48] * 5, 0.3, 0.04, 0.6, 0.82),
    pytest.param([32] * 8, 0.3, 0.04, 0.0, 0.76, marks=pytest.mark.slow),
]


def undirected(graph: NetGraph) -> nx.Graph:
    net = nx.Graph()
    net.add_nodes_from(range(graph.n_units))
    net.add_edges_from(zip(graph.sources.tolist(), graph.weights.indices.tolist(), strict=True))
    return net


def undirected_leiden(graph: NetGraph) -> Partition:
    ends = list(zip(graph.sources.tolist(), graph.weights.indices.tolist(), strict=True))
    net = igraph.Graph(graph.n_units, ends)
    form = leidenalg.ModularityVertexPartition
    return Partition(leidenalg.find_partition(net, form, n_iterations=-1, seed=0).membership)


@pytest.mark.slow
@pytest.mark.parametrize(("widths", "p_in", "p_out", "sigma", "published"), PLANTED)
def test_planted_modules_are_found(
    widths: list[int], p_in: float, p_out: float, sigma: float, published: float
) -> None:
    scores, against = [], []
    for seed in range(10):
        graph, truth = planted(widths, 4, p_in, p_out, degree_heterogeneity=sigma, rng=seed)
        found = leiden(graph.pattern, rng=0)
        scores.append(compare(found, truth).ari)
        against.append(compare(undirected_leiden(graph), truth).ari)
        assert layer_ami(graph, found) < 0.1
    assert np.mean(scores) == pytest.approx(published, abs=0.03)
    assert np.mean(scores) > np.mean(against) + 0.03


@pytest.mark.parametrize("k", [2, 3, 4])
def test_why_undirected_modularity_is_not_used(k: int) -> None:
    """It prefers modules halved by depth once L − 1 > 2k; the layer-aware form never does."""
    for n_layers in range(2, 15, 2):
        graph, truth = planted([2 * k] * n_layers, k, 1.0, 0.0, rng=0)
        halves = Partition(truth.labels * 2 + (graph.layer_of >= n_layers // 2))
        net = undirected(graph)
        whole, halved = (
            nx.community.modularity(
                net, [set(np.flatnonzero(x.labels == c).tolist()) for c in range(x.n_modules)]
            )
            for x in (truth, halves)
        )
        assert halved - whole == pytest.approx(1 / (2 * k) - 1 / (n_layers - 1), abs=1e-12)
        assert (halved > whole + 1e-12) == (n_layers - 1 > 2 * k)
        assert quality(graph.pattern, halves) < quality(graph.pattern, truth)


def test_undirected_detection_falls_apart_with_depth() -> None:
    deep, truth = planted([8] * 20, 2, 1.0, 0.0, rng=0)
    assert compare(undirected_leiden(deep), truth).ari < 0.6
    assert compare(leiden(deep.pattern, rng=0), truth).ari == 1
    shallow, truth = planted([8] * 4, 2, 1.0, 0.0, rng=0)
    assert compare(undirected_leiden(shallow), truth).ari == 1


def test_it_reports_what_the_optimiser_optimised() -> None:
    graph, _ = planted([9, 12, 8], 3, 0.5, 0.1, skips=0.4, rng=2)
    graph = graph.live()
    found = leiden(graph, rng=0)
    total, gain = 0.0, 0.0
    for block in graph.blocks:
        at = np.arange(graph.n_edges)[graph.block_edges(block.source, block.target)]
        weights = np.abs(graph.weights.data[at]).astype(float).tolist()
        ends = zip(graph.sources[at].tolist(), graph.weights.indices[at].tolist(), strict=True)
        net = igraph.Graph(graph.n_units, list(ends), directed=True)
        form = leidenalg.RBConfigurationVertexPartition
        gain += form(net, found.labels.tolist(), weights=weights).quality()
        total += sum(weights)
    assert found.quality == pytest.approx(gain / total, abs=1e-9)
