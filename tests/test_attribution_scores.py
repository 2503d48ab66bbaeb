"""Scores of attribution graphs: against their definition with dense matrices."""

from __future__ import annotations

import numpy as np
import pytest

from netsculpt import GraphError, NetGraph
from netsculpt.graph.attribution import EMBEDDING, ERROR, LOGIT, planted_supernodes
from netsculpt.graph.matrices import from_matrices
from netsculpt.paths.attribution import attribution_scores, influence, influential

N_DAGS = 200


def random_graph(seed: int) -> NetGraph:
    """Sizes, density and weights differ from one to the next; some have no errors."""
    rng = np.random.default_rng(seed)
    return planted_supernodes(
        int(rng.integers(2, 5)),
        int(rng.integers(4, 10)),
        2,
        p_in=rng.uniform(0.5, 1),
        p_out=rng.uniform(0.05, 0.5),
        n_tokens=int(rng.integers(1, 5)),
        n_logits=int(rng.integers(1, 4)),
        spread=rng.uniform(0, 3),
        errors=bool(seed % 4),
        rng=seed,
    )[0]


@pytest.fixture(scope="module")
def graphs() -> list[NetGraph]:
    return [random_graph(seed) for seed in range(N_DAGS)]


def shares_of(matrix: np.ndarray) -> np.ndarray:
    """|weight| [source, target] over the sum of each column."""
    sizes = np.abs(matrix)
    return sizes / np.maximum(sizes.sum(axis=0), 1e-10)


def probabilities(graph: NetGraph) -> np.ndarray:
    return np.where(graph.attributes["feature_type"] == LOGIT, graph.attributes["token_prob"], 0)


def test_influence_is_that_of_all_paths_by_the_inverse_of_a_dense_matrix(
    graphs: list[NetGraph],
) -> None:
    for graph in graphs:
        dense, weights = shares_of(graph.weights.toarray().astype(float)), probabilities(graph)
        through_all = np.linalg.inv(np.eye(graph.n_units) - dense) - np.eye(graph.n_units)
        expected = through_all @ weights
        found = influence(graph)
        np.testing.assert_allclose(found.units, expected, rtol=1e-9, atol=1e-12)
        edges = (
            dense[graph.sources, graph.weights.indices]
            * (expected + weights)[graph.weights.indices]
        )
        np.testing.assert_allclose(found.edges, edges, rtol=1e-9, atol=1e-12)


def test_influence_of_one_graph_is_that_of_paths_walked_one_by_one() -> None:
    graph = random_graph(2)
    matrix, weights = shares_of(graph.weights.toarray().astype(float)), probabilities(graph)

    def onward(unit: int) -> float:
        return sum(
            matrix[unit, target] * (onward(target) + weights[target])
            for target in np.flatnonzero(matrix[unit])
        )

    expected = [onward(unit) for unit in range(graph.n_units)]
    np.testing.assert_allclose(influence(graph).units, expected, rtol=1e-9)


def test_scores_are_those_of_the_dense_definition(graphs: list[NetGraph]) -> None:
    with_errors = 0
    for graph in graphs:
        shares, weights = shares_of(graph.weights.toarray().astype(float)), probabilities(graph)
        kinds = graph.attributes["feature_type"]
        units, now = np.zeros(graph.n_units), weights
        while now.any():  # the published loop over powers of the matrix
            now = shares @ now
            units = units + now
        tokens, errors = units[kinds == EMBEDDING].sum(), units[kinds == ERROR].sum()
        clean = 1 - shares[kinds == ERROR].sum(axis=0)
        total = units + weights
        scores = attribution_scores(graph)
        assert scores.replacement == pytest.approx(tokens / (tokens + errors), abs=1e-9)
        assert scores.completeness == pytest.approx((clean * total).sum() / total.sum(), abs=1e-9)
        with_errors += scores.replacement < 1
    assert with_errors > N_DAGS / 2


def pruned(graph: NetGraph, node_share: float, edge_share: float) -> tuple[set, set]:
    """Units and edges that are kept, by the published procedure on dense matrices."""
    kinds, weights = graph.attributes["feature_type"], probabilities(graph)
    matrix = graph.weights.toarray().astype(float)

    def influences(matrix: np.ndarray) -> np.ndarray:
        inverse = np.linalg.inv(np.eye(len(matrix)) - shares_of(matrix))
        return inverse @ weights - weights

    def threshold(values: np.ndarray, share: float) -> float:
        falling, total = sorted(values.ravel(), reverse=True), 0.0
        for value in falling:
            total += value
            if total / values.sum() >= share - 1e-12:
                break
        return value * (1 - 1e-9)

    ends = np.isin(kinds, [EMBEDDING, LOGIT])
    units = influences(matrix)
    keep = ends | (units >= threshold(units, node_share))
    matrix = matrix * np.outer(keep, keep)
    scores = shares_of(matrix) * (influences(matrix) + weights)
    edges = (scores >= threshold(scores, edge_share)) & (matrix != 0)
    while True:
        edges = edges & np.outer(keep, keep)
        idle = keep & ~ends & ~edges.any(axis=1)
        unfed = keep & ~ends & (kinds != ERROR) & ~edges.any(axis=0)
        if not (idle | unfed).any():
            return set(np.flatnonzero(keep)), set(zip(*np.nonzero(edges), strict=True))
        keep = keep & ~idle & ~unfed


@pytest.mark.parametrize(("unit_share", "edge_share"), [(0.8, 0.98), (0.5, 0.7)])
def test_what_is_kept_is_what_the_published_procedure_keeps(
    graphs: list[NetGraph], unit_share: float, edge_share: float
) -> None:
    smaller = 0
    for graph in graphs[::4]:
        units, edges = pruned(graph, unit_share, edge_share)
        small = influential(graph, unit_share, edge_share)
        place = {key: unit for unit, key in enumerate(keys(graph))}
        kept = np.array([place[key] for key in keys(small)])
        assert set(kept) == units
        ends = kept[small.sources], kept[small.weights.indices]
        assert set(zip(*ends, strict=True)) == edges
        assert np.array_equal(small.weights.data, graph.weights.toarray()[ends])
        smaller += small.n_units < graph.n_units
    assert smaller > 20


def keys(graph: NetGraph) -> list[tuple[str, str]]:
    columns = (graph.attributes[name].tolist() for name in ("feature_type", "node_id"))
    return list(zip(*columns, strict=True))


def test_scores_do_not_depend_on_signs_or_the_scale_of_a_target() -> None:
    graph = random_graph(1)
    rng = np.random.default_rng(0)
    factors = (
        rng.choice([-1, 1], graph.n_edges)
        * rng.uniform(0.5, 2, graph.n_units)[graph.weights.indices]
    )
    scaled = graph.with_weights(graph.weights.data * factors)
    np.testing.assert_allclose(influence(scaled).units, influence(graph).units, rtol=1e-6)
    before, after = attribution_scores(graph), attribution_scores(scaled)
    assert after.replacement == pytest.approx(before.replacement, rel=1e-6)
    assert after.completeness == pytest.approx(before.completeness, rel=1e-6)


def test_cumulative_influence_ends_at_one_with_the_least_influential() -> None:
    found = influence(random_graph(1))
    order = np.argsort(-found.units, kind="stable")
    np.testing.assert_allclose(
        found.cumulative[order], np.cumsum(found.units[order]) / found.units.sum()
    )
    assert found.cumulative.max() == pytest.approx(1)


def test_keeping_everything_keeps_all_edges_that_have_influence() -> None:
    graph = random_graph(1)
    assert influential(graph, 1.0, 1.0).n_edges == graph.n_edges


def test_graphs_that_are_no_attribution_graphs_are_refused() -> None:
    plain = from_matrices([np.ones((2, 3))])
    with pytest.raises(GraphError, match="no column 'token_prob'"):
        influence(plain)
    with pytest.raises(GraphError, match="no column 'feature_type'"):
        attribution_scores(plain, [1, 1])
    with pytest.raises(GraphError, match=r"of shape \[3\]: one number for each output.*\[2\]"):
        influence(plain, [1, 1, 1])
    with pytest.raises(GraphError, match="not all 0"):
        influence(plain, [0, 0])
    with pytest.raises(GraphError, match="unit_share is 2"):
        influential(random_graph(1), 2.0)
