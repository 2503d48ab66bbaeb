"""Module detection: netsculpt's Leiden against leidenalg, igraph and networkx, on one core.

Run ``python benchmarks/modules.py --max-edges 1000000``. Each tool finds the modules of the same
planted networks; the time counts its own graph being built from the arrays. The peers maximise
undirected modularity: µs/edge says what knowing the layers costs, Q (layer-aware) and ARI (with the
planted modules) what it brings. Networks: 10 layers, 10 modules, 16 edges a unit and layer of which
64 % stay in their module, lognormal degrees, 5 % skip connections.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from netsculpt.graph import NetGraph
from netsculpt.modules import compare, leiden, quality
from netsculpt.partition import Partition
from netsculpt.synthetic import planted

SIZES = (10_000, 100_000, 1_000_000)
N_LAYERS, K, DEGREE, INSIDE, SKIPS, HETEROGENEITY = 10, 10, 16, 0.64, 0.05, 0.6


def network(n_edges: int) -> tuple[NetGraph, Partition]:
    """A planted network of about `n_edges` edges, each of weight 1."""
    width = round(n_edges / (DEGREE * (N_LAYERS - 1) * (1 + SKIPS)))
    p_in = min(1.0, K * DEGREE * INSIDE / width)
    p_out = K * DEGREE * (1 - INSIDE) / width / (K - 1)
    graph, truth = planted(
        [width] * N_LAYERS,
        K,
        p_in,
        p_out,
        degree_heterogeneity=HETEROGENEITY,
        skips=SKIPS,
        rng=0,
    )
    return graph.pattern, truth


def with_netsculpt(graph: NetGraph) -> Partition:
    """Layer-aware modularity."""
    return leiden(graph, rng=0)


def with_leidenalg(graph: NetGraph) -> Partition:
    """Undirected modularity, until an iteration brings nothing."""
    import leidenalg

    form = leidenalg.ModularityVertexPartition
    found = leidenalg.find_partition(_igraph(graph), form, n_iterations=-1, seed=0)
    return Partition(found.membership)


def with_igraph(graph: NetGraph) -> Partition:
    """Undirected modularity, until an iteration brings nothing."""
    import random

    import igraph

    igraph.set_random_number_generator(random.Random(0))
    found = _igraph(graph).community_leiden(objective_function="modularity", n_iterations=-1)
    return Partition(found.membership)


def with_networkx(graph: NetGraph) -> Partition:
    """Undirected modularity by Louvain's method, which has no refinement."""
    import networkx as nx

    net: nx.Graph[int] = nx.Graph()
    net.add_nodes_from(range(graph.n_units))
    net.add_edges_from(_ends(graph))
    labels = np.empty(graph.n_units, dtype=np.int64)
    for at, members in enumerate(nx.community.louvain_communities(net, seed=0)):
        labels[list(members)] = at
    return Partition(labels)


@dataclass(frozen=True)
class Tool:
    """Something to measure, up to a size."""

    name: str
    detect: Callable[[NetGraph], Partition]
    most_edges: int


TOOLS = (
    Tool("netsculpt", with_netsculpt, SIZES[-1]),
    Tool("leidenalg", with_leidenalg, SIZES[-1]),
    Tool("igraph", with_igraph, SIZES[-1]),
    Tool("networkx", with_networkx, 100_000),
)


def main() -> None:
    """Print one row a size and tool."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--max-edges", type=int, default=SIZES[-1])
    max_edges = parser.parse_args().max_edges
    table = Table("edges", "tool", "s", "µs/edge", "× netsculpt", "modules", "Q", "ARI")
    for column in (0, 2, 3, 4, 5, 6, 7):
        table.columns[column].justify = "right"
    small, _ = planted([4, 4], 1, 1.0, 1.0, rng=0)
    for tool in TOOLS:
        tool.detect(small)  # imports are not measured
    for size in (size for size in SIZES if size <= max_edges):
        graph, truth = network(size)
        reference = 0.0
        for tool in (tool for tool in TOOLS if size <= tool.most_edges):
            start = time.perf_counter()
            found = tool.detect(graph)
            seconds = time.perf_counter() - start
            reference = reference or seconds
            table.add_row(
                f"{graph.n_edges:,}",
                tool.name,
                f"{seconds:.2f}",
                f"{seconds / graph.n_edges * 1e6:.2f}",
                f"{seconds / reference:.2f}",
                f"{found.n_modules:,}",
                f"{quality(graph, found):.3f}",
                f"{compare(found, truth).ari:.3f}",
            )
        table.add_section()
    Console().print(table)


def _ends(graph: NetGraph) -> list[tuple[int, int]]:
    return list(zip(graph.sources.tolist(), graph.weights.indices.tolist(), strict=True))


def _igraph(graph: NetGraph):  # type: ignore[no-untyped-def]  # igraph has no types
    import igraph

    return igraph.Graph(graph.n_units, _ends(graph))


if __name__ == "__main__":
    main()
