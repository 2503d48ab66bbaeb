"""Planted supernodes of attribution graphs: found by the default detector, not by cosines."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist
from sklearn.metrics import adjusted_rand_score

from netsculpt import GraphError, NetGraph, Partition, planted
from netsculpt.graph.attribution import ERROR, planted_supernodes
from netsculpt.modules import layered
from netsculpt.nulls import by_token, rewire


@pytest.fixture(scope="module")
def graphs() -> list[tuple[NetGraph, Partition]]:
    return [planted_supernodes(rng=seed) for seed in range(5)]


def by_cosine(graph: NetGraph, units: np.ndarray, k: int, signed: bool) -> np.ndarray:
    """Complete linkage of the cosine similarities of edge profiles, cut at k clusters."""
    matrix = graph.weights.toarray().astype(float)
    profiles = np.hstack([matrix, matrix.T])[units]
    profiles = profiles if signed else np.abs(profiles)
    return fcluster(linkage(pdist(profiles, "cosine"), "complete"), k, "maxclust")


def test_supernodes_are_found_where_linkage_of_cosines_does_not(
    graphs: list[tuple[NetGraph, Partition]],
) -> None:
    for graph, truth in graphs:
        placed = truth.labels >= 0
        found = layered(graph.balanced, rng=0).labels
        assert adjusted_rand_score(truth.labels[placed], found[placed]) >= 0.9
        for signed in (True, False):
            clusters = by_cosine(graph, placed, truth.n_modules, signed)
            assert adjusted_rand_score(truth.labels[placed], clusters) <= 0.6


def test_what_is_drawn_is_what_is_documented() -> None:
    graph, truth = planted_supernodes(4, 40, 4, p_in=0.5, p_out=0.05, rng=0)
    at, labels, kinds = (
        graph.attributes["token_position"],
        truth.labels,
        graph.attributes["feature_type"],
    )
    sources, targets = graph.sources, graph.weights.indices
    assert (at[sources] <= at[targets]).all()
    assert np.array_equal(labels < 0, kinds == ERROR)
    assert graph.attributes["token_prob"].sum() == pytest.approx(0.9)
    legal = (graph.layer_of[:, None] < graph.layer_of) & (at[:, None] <= at)
    legal &= np.array([layer.role != "input" for layer in graph.layers])[graph.layer_of]
    inside = (labels[:, None] == labels) & (labels >= 0)
    pattern = graph.weights.toarray() != 0
    for pairs, p in ((legal & inside, 0.5), (legal & ~inside, 0.05)):
        sd = (p * (1 - p) / pairs.sum()) ** 0.5
        assert abs(pattern[pairs].mean() - p) < 5 * sd + 0.02  # only live nodes are kept
    assert 0.25 < (graph.weights.data < 0).mean() < 0.35


def test_same_seed_same_graph() -> None:
    (one, first), (two, second) = (planted_supernodes(rng=3) for _ in range(2))
    assert np.array_equal(one.weights.toarray(), two.weights.toarray())
    assert np.array_equal(first.labels, second.labels)
    assert not np.array_equal(one.weights.data, planted_supernodes(rng=4)[0].weights.data)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 49}, "k is 49: at most n_features = 48"),
        ({"n_layers": 0}, "n_layers is 0"),
        ({"p_in": 1.5}, "p_in is 1.5"),
        ({"spread": -1}, "spread is -1"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(GraphError, match=message):
        planted_supernodes(**arguments)


def test_null_networks_keep_which_token_leads_to_which() -> None:
    graph, _ = planted_supernodes(4, 24, 2, rng=0)
    at, layer = graph.attributes["token_position"], graph.layer_of
    place = layer.astype(int) * 100 + at

    def degrees(drawn: NetGraph) -> Counter[tuple[int, int, bool]]:
        """Links of each unit to, and from, each layer at each token."""
        sources, targets = drawn.sources, drawn.weights.indices
        out = zip(sources.tolist(), place[targets].tolist(), [True] * targets.size, strict=True)
        into = zip(targets.tolist(), place[sources].tolist(), [False] * targets.size, strict=True)
        return Counter([*out, *into])

    drawn = by_token(rewire)(graph, rng=1)
    assert degrees(drawn) == degrees(graph)
    assert degrees(rewire(graph, rng=1)) != degrees(graph)
    assert (drawn.weights != graph.weights).nnz > graph.n_edges / 4
    assert np.array_equal(np.sort(drawn.weights.data), np.sort(graph.weights.data))
    assert drawn.layers == graph.layers
    again = by_token(rewire)(graph, rng=1)
    assert np.array_equal(again.weights.toarray(), drawn.weights.toarray())


def test_without_tokens_it_is_the_null_model_itself() -> None:
    graph, _ = planted([8, 8, 8], 2, 0.6, 0.1, rng=0)
    one, two = by_token(rewire)(graph, rng=1), rewire(graph, rng=1)
    assert np.array_equal(one.weights.toarray(), two.weights.toarray())
