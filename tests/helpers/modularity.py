"""Networks for detectors of modularity, and what an optimum must not leave to be gained."""

from __future__ import annotations

import networkx as nx
import numpy as np

from netsculpt import NetGraph, Partition, planted
from netsculpt.graph.graph import live_units
from netsculpt.modules import quality


def mixed(seed: int = 2) -> NetGraph:
    """Skips, uneven degrees, weights of either sign, some of them 0, dead units."""
    graph, _ = planted([9, 12, 8, 10], 3, 0.5, 0.1, skips=0.4, degree_heterogeneity=0.5, rng=seed)
    weights = np.random.default_rng(seed).standard_normal(graph.n_edges)
    weights[::11] = 0
    return graph.with_weights(weights)


def n_disconnected(graph: NetGraph, partition: Partition) -> int:
    """Number of modules that fall apart without edges of other modules."""
    net: nx.Graph[int] = nx.Graph()
    net.add_nodes_from(range(graph.n_units))
    net.add_edges_from(zip(graph.sources.tolist(), graph.weights.indices.tolist(), strict=True))
    groups = [np.flatnonzero(partition.labels == c).tolist() for c in range(partition.n_modules)]
    return sum(not nx.is_connected(net.subgraph(group)) for group in groups)


def best_move(graph: NetGraph, partition: Partition, gamma: float) -> float:
    """The largest quality that the move of one unit leads to."""
    best = -np.inf
    for unit in np.flatnonzero(live_units(graph)):
        for module in range(partition.n_modules + 1):
            labels = partition.labels.copy()
            labels[unit] = module
            best = max(best, quality(graph, Partition(labels), gamma))
    return best


def best_merger(graph: NetGraph, partition: Partition, gamma: float) -> float:
    """The largest quality that joining two modules leads to."""
    best = -np.inf
    for a in range(partition.n_modules):
        for b in range(a):
            merged = np.where(partition.labels == a, b, partition.labels)
            best = max(best, quality(graph, Partition(merged), gamma))
    return best
