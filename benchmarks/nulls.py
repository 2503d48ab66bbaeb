"""Null models and spectral clustering: netsculpt against plain Python, igraph and scikit-learn.

Run ``python benchmarks/nulls.py --max-edges 1000000``. Four tables, on one core unless it says
otherwise:

- `rewire` on one block, since only there the peers preserve the same degrees. Curveball in plain
  Python makes 20 rounds of trades; netsculpt as many as it takes, having measured that before.
  igraph switches pairs of edges, ten tries per edge (its default). Times include the peer's own
  graph but not the imports. "kept": share of the original edges, which shows how far each has
  mixed. networkx has no method that preserves what `rewire` preserves.
- `balanced` weights, and 100 draws of their null model beside 100 of `rewire`.
- `significance` with 100 rewired networks of ten layers, Q of a given partition.
- `spectral`, ten modules, against scikit-learn with as many restarts of k-means.
"""

from __future__ import annotations

import argparse
import random
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.sparse import csr_array

from netsculpt.graph.graph import NetGraph, live_units
from netsculpt.graph.partition import NO_MODULE, Partition
from netsculpt.graph.synthetic import planted
from netsculpt.modules import compare, ncut, quality, spectral
from netsculpt.nulls import rebalanced, rewire
from netsculpt.nulls.significance import Null, significance

SIZES = (10_000, 100_000, 1_000_000)
SMALL = 350  # edges of a sculpted network
DENSITY, ROUNDS, TRIES = 0.05, 20, 10
N_LAYERS, K, DEGREE, INSIDE = 10, 10, 16, 0.7

Result = TypeVar("Result")
Ends = tuple[NDArray[np.int64], NDArray[np.int64]]  # sources and targets of all edges [E]


def one_block(n_edges: int) -> NetGraph:
    """Two layers with unequal degrees and about `n_edges` edges."""
    width = round((1.06 * n_edges / DENSITY) ** 0.5)  # unequal degrees lower the density
    return planted([width, width], 1, DENSITY, DENSITY, degree_heterogeneity=0.6, rng=0)[0]


def network(n_edges: int) -> tuple[NetGraph, Partition]:
    """Ten layers with ten modules and about `n_edges` edges."""
    width = round(n_edges / (DEGREE * (N_LAYERS - 1)))
    p_in = min(1.0, K * DEGREE * INSIDE / width)
    p_out = min(1.0, K * DEGREE * (1 - INSIDE) / width / (K - 1))
    return planted([width] * N_LAYERS, K, p_in, p_out, rng=0)


def ends_of(graph: NetGraph) -> Ends:
    """Sources and targets."""
    return graph.sources.astype(np.int64), graph.weights.indices.astype(np.int64)


def with_netsculpt(graph: NetGraph) -> Ends:
    """Compiled curveball trades."""
    return ends_of(rewire(graph, rng=0))


def with_python(graph: NetGraph) -> Ends:
    """Curveball trades with sets."""
    generator = random.Random(0)
    held: dict[int, set[int]] = {}
    for source, target in zip(*(side.tolist() for side in ends_of(graph)), strict=True):
        held.setdefault(source, set()).add(target)
    rows = list(held)
    for _ in range(ROUNDS):
        generator.shuffle(rows)
        for one, other in zip(rows[::2], rows[1::2], strict=False):
            shared = held[one] & held[other]
            pool = list(held[one] ^ held[other])
            generator.shuffle(pool)
            n = len(held[one]) - len(shared)
            held[one], held[other] = shared.union(pool[:n]), shared.union(pool[n:])
    sources = np.repeat(list(held), [len(targets) for targets in held.values()])
    return sources, np.array([target for targets in held.values() for target in targets])


def with_igraph(graph: NetGraph) -> Ends:
    """Switches of two edges' targets."""
    import igraph

    igraph.set_random_number_generator(random.Random(0))
    ends = zip(*(side.tolist() for side in ends_of(graph)), strict=True)
    net = igraph.Graph(graph.n_units, list(ends), directed=True)
    net.rewire(n=TRIES * graph.n_edges)
    sources, targets = np.array(net.get_edgelist()).T
    return sources, targets


REWIRES = (
    ("netsculpt", with_netsculpt, SIZES[-1]),
    ("Python", with_python, SIZES[-1]),
    ("igraph", with_igraph, SIZES[-1]),
)


def share_kept(graph: NetGraph, drawn: Ends) -> float:
    """Share of the original edges; also checks the degrees."""
    before = ends_of(graph)
    for old, new in zip(before, drawn, strict=True):
        np.testing.assert_array_equal(
            np.bincount(old, minlength=graph.n_units), np.bincount(new, minlength=graph.n_units)
        )
    old, new = (sources * graph.n_units + targets for sources, targets in (before, drawn))
    return float(np.isin(new, old).mean())


def clustered_by_netsculpt(graph: NetGraph) -> Partition:
    """Largest eigenvectors of the normalised adjacency."""
    return spectral(graph, rng=0, k=K)


def clustered_by_sklearn(graph: NetGraph) -> Partition:
    """The same clustering by shift and invert."""
    from sklearn.cluster import SpectralClustering

    live = live_units(graph)
    affinity = csr_array(graph.weights + graph.weights.T)[live][:, live]
    form = SpectralClustering(K, affinity="precomputed", n_init=10, random_state=0)
    labels = np.full(graph.n_units, NO_MODULE)
    labels[live] = form.fit_predict(affinity)
    return Partition(labels)


CLUSTERINGS = (
    ("netsculpt", clustered_by_netsculpt, SIZES[-1]),
    ("scikit-learn", clustered_by_sklearn, 100_000),
)


def seconds_of(run: Callable[[], Result], budget: float = 1.0) -> tuple[float, Result]:
    """Seconds of the fastest of up to 5 runs within about `budget` seconds, and the last result."""
    times: list[float] = []
    while not times or (len(times) < 5 and sum(times) < budget):
        start = time.perf_counter()
        result = run()
        times.append(time.perf_counter() - start)
    return min(times), result


def peak_bytes(run: Callable[[], object]) -> int:
    """Peak memory allocated in this process, beyond that before the call."""
    tracemalloc.start()
    run()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def table_of(*columns: str) -> Table:
    """A table with right-aligned numbers."""
    table = Table(*columns)
    for column in table.columns:
        column.justify = "left" if column.header == "tool" else "right"
    return table


def raced(
    tools: Iterable[tuple[str, Callable[..., Any], int]], graph: NetGraph, size: int
) -> Iterator[tuple[str, float, float, Any]]:
    """Name, seconds, ratio to the first tool's seconds, and result of each tool for a size."""
    reference = 0.0
    for tool, run, most in tools:
        if size <= most:
            seconds, result = seconds_of(partial(run, graph))
            reference = reference or seconds
            yield tool, seconds, seconds / reference, result


def rewired(sizes: list[int]) -> Table:
    """One row per size and tool."""
    table = table_of("edges", "tool", "s", "ns/edge", "× netsculpt", "kept")
    for size in sizes:
        graph = one_block(size)
        for tool, seconds, ratio, drawn in raced(REWIRES, graph, size):
            table.add_row(
                f"{graph.n_edges:,}",
                tool,
                f"{seconds:.3f}",
                f"{seconds / graph.n_edges * 1e9:,.0f}",
                f"{ratio:.1f}",
                f"{share_kept(graph, drawn):.3f}",
            )
        table.add_section()
    return table


def balanced(sizes: list[int]) -> Table:
    """One row per size: weights with lognormal scales of units and lognormal noise."""
    table = table_of(
        "edges", "balanced: ms", "µs/edge", "off by", "100 rewire: s", "100 rebalanced: s", "ratio"
    )
    for size in [SMALL, *sizes]:
        graph = one_block(size)
        rng = np.random.default_rng(0)
        scales = rng.lognormal(size=(2, graph.n_units))
        weights = rng.lognormal(size=graph.n_edges) * scales[0][graph.sources]
        graph = graph.with_weights(weights * scales[1][graph.weights.indices])
        seconds, weighted = seconds_of(partial(balance, graph))
        strengths = np.bincount(graph.sources, weighted.weights.data, graph.n_units)
        degrees = np.diff(graph.weights.indptr)
        off = np.abs(strengths - degrees).max() / degrees.max()
        nulls = [rewire, rebalanced(rewire)]
        n_draws = 100 if size <= SIZES[0] else 3
        of_each = [
            seconds_of(partial(drawn_often, null, graph, n_draws))[0] * 100 / n_draws
            for null in nulls
        ]
        table.add_row(
            f"{graph.n_edges:,}",
            f"{seconds * 1e3:.2f}",
            f"{seconds / graph.n_edges * 1e6:.2f}",
            f"{off:.0e}",
            *(f"{each:.2f}" for each in of_each),
            f"{of_each[1] / of_each[0]:.1f}",
        )
    return table


def balance(graph: NetGraph) -> NetGraph:
    """Balance the weights; a graph remembers its own."""
    return replace(graph).balanced


def drawn_often(null: Null, graph: NetGraph, n_draws: int) -> None:
    """Draw from a null model."""
    for seed in range(n_draws):
        null(graph, rng=seed)


def significances(sizes: list[int], jobs: int) -> Table:
    """One row per size: 100 nulls, the same Q of each."""
    table = table_of("edges", "processes", "100 nulls: s", "ms per null", "ms per Q", "peak B/edge")
    for size in sizes:
        graph, truth = network(size)
        of_one, _ = seconds_of(partial(quality, graph, truth))
        statistic = partial(quality, partition=truth)
        start = time.perf_counter()
        significance(statistic, graph, null=rewire, n=100, rng=0, jobs=jobs)
        seconds = time.perf_counter() - start
        peak = peak_bytes(partial(significance, statistic, graph, null=rewire, n=3, rng=0))
        table.add_row(
            f"{graph.n_edges:,}",
            str(jobs),
            f"{seconds:.1f}",
            f"{seconds * 10:.1f}",
            f"{of_one * 1e3:.1f}",
            f"{peak / graph.n_edges:.0f}",
        )
    return table


def clusterings(sizes: list[int]) -> Table:
    """One row per size and tool."""
    table = table_of("edges", "tool", "s", "µs/edge", "× netsculpt", "n-cut", "ARI")
    for size in sizes:
        graph, truth = network(size)
        for tool, seconds, ratio, partition in raced(CLUSTERINGS, graph, size):
            table.add_row(
                f"{graph.n_edges:,}",
                tool,
                f"{seconds:.2f}",
                f"{seconds / graph.n_edges * 1e6:.2f}",
                f"{ratio:.1f}",
                f"{ncut(graph, partition):.3f}",
                f"{compare(partition, truth).ari:.3f}",
            )
        table.add_section()
    return table


def main() -> None:
    """Print the four tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--max-edges", type=int, default=SIZES[-1])
    parser.add_argument("--jobs", type=int, default=1, help="processes of significance")
    arguments = parser.parse_args()
    console = Console()
    sizes = [size for size in SIZES if size <= arguments.max_edges]
    with_netsculpt(one_block(SIZES[1]))  # neither compilation nor imports are measured
    for _, cluster, _ in CLUSTERINGS:
        cluster(network(3000)[0])
    console.print(rewired(sizes))
    console.print(balanced(sizes))
    console.print(significances(sizes, arguments.jobs))
    console.print(clusterings(sizes))


if __name__ == "__main__":
    main()
