"""Attribution graphs against circuit-tracer's own functions, where that package is installed.

``pip install circuit-tracer``; it needs a folder of other packages, so that CI goes without.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from netsculpt import NetGraph
from netsculpt.graph.attribution import EMBEDDING, ERROR, LOGIT, planted_supernodes
from netsculpt.paths.attribution import attribution_scores, influence, influential

tracer = pytest.importorskip("circuit_tracer.graph", exc_type=ImportError)

N_LAYERS, N_TOKENS = 4, 4
GRAPHS = range(40)


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    """Their functions make vectors of the default type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def random_graph(seed: int) -> NetGraph:
    rng = np.random.default_rng(seed)
    return planted_supernodes(
        N_LAYERS,
        int(rng.integers(6, 20)),
        2,
        p_in=rng.uniform(0.4, 1),
        p_out=rng.uniform(0.05, 0.4),
        n_tokens=N_TOKENS,
        n_logits=int(rng.integers(1, 5)),
        spread=rng.uniform(0, 3),
        errors=bool(seed % 4),
        rng=seed,
    )[0]


def theirs(graph: NetGraph) -> tuple[SimpleNamespace, np.ndarray]:
    """The graph as circuit-tracer holds it, and the place of each unit in it [U].

    Features, errors of every layer at every token, tokens, logits; rows are targets.
    """
    kinds, at = graph.attributes["feature_type"], graph.attributes["token_position"]
    names = [graph.layers[index].name for index in graph.layer_of]
    is_feature = ~np.isin(kinds, [EMBEDDING, ERROR, LOGIT])
    n_features, n_errors = int(is_feature.sum()), N_LAYERS * N_TOKENS
    place = np.empty(graph.n_units, int)
    place[is_feature] = np.arange(n_features)
    for unit in np.flatnonzero(kinds == ERROR):
        place[unit] = n_features + int(names[unit].split()[0]) * N_TOKENS + at[unit]
    place[kinds == EMBEDDING] = n_features + n_errors + at[kinds == EMBEDDING]
    logits = np.flatnonzero(kinds == LOGIT)
    place[logits] = n_features + n_errors + N_TOKENS + np.arange(logits.size)
    matrix = np.zeros((n_features + n_errors + N_TOKENS + logits.size,) * 2)
    matrix[place[graph.weights.indices], place[graph.sources]] = graph.weights.data
    return SimpleNamespace(
        adjacency_matrix=torch.from_numpy(matrix),
        input_tokens=range(N_TOKENS),
        logit_targets=range(logits.size),
        logit_probabilities=torch.from_numpy(graph.attributes["token_prob"][logits]),
        selected_features=range(n_features),
        cfg=SimpleNamespace(n_layers=N_LAYERS),
    ), place


@pytest.mark.parametrize("seed", GRAPHS)
def test_influence_and_scores_are_theirs(seed: int) -> None:
    graph = random_graph(seed)
    other, place = theirs(graph)
    weights = torch.zeros(len(other.adjacency_matrix))
    weights[-len(other.logit_targets) :] = other.logit_probabilities
    own = influence(graph)
    units = tracer.compute_node_influence(other.adjacency_matrix, weights).numpy()
    np.testing.assert_allclose(own.units, units[place], atol=1e-9)
    edges = tracer.compute_edge_influence(other.adjacency_matrix, weights).numpy()
    ends = place[graph.weights.indices], place[graph.sources]
    np.testing.assert_allclose(own.edges, edges[ends], atol=1e-9)
    scores = attribution_scores(graph)
    replacement, completeness = tracer.compute_graph_scores(other)
    assert scores.replacement == pytest.approx(replacement, abs=1e-9)
    assert scores.completeness == pytest.approx(completeness, abs=1e-9)


@pytest.mark.parametrize(("unit_share", "edge_share"), [(0.8, 0.98), (0.5, 0.7), (1.0, 1.0)])
def test_what_is_kept_is_what_they_keep(unit_share: float, edge_share: float) -> None:
    smaller = 0
    for seed in GRAPHS:
        graph = random_graph(seed)
        other, place = theirs(graph)
        result = tracer.prune_graph(other, unit_share, edge_share)
        units = result.node_mask.numpy()[place]
        kept = result.edge_mask.numpy()[place[graph.weights.indices], place[graph.sources]]
        small = influential(graph, unit_share, edge_share)
        assert keys(small) == [
            key for key, is_kept in zip(keys(graph), units, strict=True) if is_kept
        ]
        assert np.array_equal(small.weights.data, graph.weights.data[kept])
        own, order = influence(graph), result.cumulative_scores.numpy()[place]
        alone = np.array([np.isclose(own.units, x, rtol=1e-9).sum() == 1 for x in own.units])
        np.testing.assert_allclose(own.cumulative[alone], order[alone], atol=1e-9)
        smaller += small.n_units < graph.n_units
    assert smaller > len(GRAPHS) / 2 or unit_share == 1.0


def keys(graph: NetGraph) -> list[tuple[str, str]]:
    columns = (graph.attributes[name].tolist() for name in ("feature_type", "node_id"))
    return list(zip(*columns, strict=True))
