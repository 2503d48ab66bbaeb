"""Edges on cycles and independent cycles of each group, against networkx."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from netsculpt.graph.balancing import balanced_weights
from netsculpt.graph.cycles import cycles, independent_cycles


@pytest.mark.parametrize("seed", range(20))
def test_bridges_and_cycles_are_those_of_networkx(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_edges = int(rng.integers(1, 40))
    ends = np.unique(rng.integers(0, 9, (n_edges, 2)), axis=0)
    sources, targets = ends[:, 0], ends[:, 1] + int(rng.integers(0, 9))
    groups = rng.integers(0, 3, sources.size)
    on_cycle, n_cycles = cycles(sources, targets, groups, 4)
    for group in range(4):
        edges = np.flatnonzero(groups == group)
        graph = nx.Graph()
        for edge in edges:
            graph.add_edge(("source", sources[edge]), ("target", targets[edge]), edge=edge)
        bridges = {graph.edges[ends]["edge"] for ends in nx.bridges(graph)}
        assert set(edges[~on_cycle[edges]]) == bridges
        n_parts = nx.number_connected_components(graph)
        assert n_cycles[group] == edges.size - graph.number_of_nodes() + n_parts


@pytest.mark.parametrize("seed", range(20))
def test_cycles_of_some_edges_are_counted_without_the_others(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ends = np.unique(rng.integers(0, 9, (int(rng.integers(1, 60)), 2)), axis=0)
    sources, targets = ends[:, 0], ends[:, 1] + int(rng.integers(0, 9))
    groups, chosen = rng.integers(0, 3, sources.size), rng.random(sources.size) < 0.8
    n_edges, n_cycles = independent_cycles(sources, targets, groups, chosen, 4)
    _, expected = cycles(sources[chosen], targets[chosen], groups[chosen], 4)
    assert np.array_equal(n_cycles, expected)
    assert np.array_equal(n_edges, np.bincount(groups[chosen], minlength=4))


def test_balanced_weights_differ_from_1_on_cycles_alone() -> None:
    rng = np.random.default_rng(0)
    ends = np.unique(rng.integers(0, 12, (20, 2)), axis=0)
    sources, targets, group = ends[:, 0], ends[:, 1] + 12, np.zeros(ends.shape[0], int)
    on_cycle, _ = cycles(sources, targets, group, 1)
    balanced = balanced_weights(rng.lognormal(size=group.size), sources, targets, group)
    assert 0 < on_cycle.sum() < group.size
    assert np.array_equal(np.abs(balanced - 1) > 1e-9, on_cycle)
