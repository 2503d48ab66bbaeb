"""Node and edge path sweeps: netsculpt against networkx, igraph and SciPy, on one core.

Run ``python benchmarks/paths.py --max-edges 10000000``. Each tool gives the path weight through
every unit and every edge of the same graph, already built; times are the best of several runs.
The graphs have 20 layers at 5 % density, Pareto in-degrees and 5 % skip connections.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.sparse import csr_array

from netsculpt.graph import Block, Layer, NetGraph
from netsculpt.paths import edge_path_weight, path_centrality

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
N_LAYERS, DENSITY, SKIPS, LONGEST_SKIP = 20, 0.05, 0.05, 4

Results = tuple[NDArray[np.float64], NDArray[np.float64]]  # [U], [E]
Sweep = Callable[[], Results]


def layered(n_edges: int, seed: int = 0) -> NetGraph:
    """A network of about `n_edges` edges."""
    rng = np.random.default_rng(seed)
    width = round((n_edges / (DENSITY * (N_LAYERS - 1))) ** 0.5)
    n_units, per_layer = width * N_LAYERS, n_edges // (N_LAYERS - 1)
    keys = []
    for layer in range(1, N_LAYERS):
        shares = np.cumsum(rng.pareto(1.5, width) + 1)
        shares = np.minimum(np.diff(shares / shares[-1], prepend=0), 0.5 * width / per_layer)
        wanted = rng.poisson(per_layer * shares * 1.25)  # some fall on each other
        targets = np.repeat(np.arange(width) + layer * width, wanted)
        back = np.where(
            rng.random(targets.size) < SKIPS, rng.integers(2, LONGEST_SKIP + 1, targets.size), 1
        )
        sources = rng.integers(0, width, targets.size) + np.maximum(layer - back, 0) * width
        keys.append(sources * np.int64(n_units) + targets)
    sources, targets = np.divmod(np.unique(np.concatenate(keys)), n_units)
    indptr = np.searchsorted(sources, np.arange(n_units + 1)).astype(np.int32)
    weights = rng.random(targets.size, dtype=np.float32) * np.float32(2 / (DENSITY * width))
    pairs = np.unique(sources // width * N_LAYERS + targets // width).tolist()
    return NetGraph(
        csr_array((weights, targets.astype(np.int32), indptr), (n_units, n_units)),
        None,
        tuple(
            Layer(
                f"layer{at}",
                "output" if at == N_LAYERS - 1 else "hidden" if at else "input",
                (width,),
                at * width,
                (at + 1) * width,
            )
            for at in range(N_LAYERS)
        ),
        tuple(
            Block(f"layer{a}", f"layer{b}", None, "linear", width**2)
            for a, b in (divmod(pair, N_LAYERS) for pair in pairs)
        ),
    )


def with_netsculpt(graph: NetGraph) -> Sweep:
    """Two calls, as a user makes them."""
    return lambda: (path_centrality(graph), edge_path_weight(graph))


def with_scipy(graph: NetGraph) -> Sweep:
    """Sparse products block by block, in float64."""
    blocks = []
    for block in graph.blocks:
        matrix = graph.block(block.source, block.target).astype(np.float64)
        ends = graph.layer(block.source).units, graph.layer(block.target).units
        blocks.append((*ends, matrix, graph.block_edges(block.source, block.target)))

    def sweep() -> Results:
        before, after = np.zeros(graph.n_units), np.zeros(graph.n_units)
        before[graph.inputs], after[graph.outputs] = 1.0, 1.0
        through = np.empty(graph.n_edges)
        for source, target, matrix, _ in blocks:
            before[target] += before[source] @ matrix
        for source, target, matrix, edges in reversed(blocks):
            after[source] += matrix @ after[target]
            starts = np.repeat(before[source], np.diff(matrix.indptr))
            through[edges] = starts * matrix.data * after[target][matrix.indices]
        return before * after, through

    return sweep


def with_networkx(graph: NetGraph) -> Sweep:
    """A topological sweep over a DiGraph with a weight on each edge."""
    import networkx as nx

    net: nx.DiGraph[int] = nx.DiGraph()
    net.add_nodes_from(range(graph.n_units))
    ends = zip(graph.sources.tolist(), graph.weights.indices.tolist(), strict=True)
    net.add_weighted_edges_from(
        (u, v, w) for (u, v), w in zip(ends, graph.weights.data.tolist(), strict=True)
    )
    inputs, outputs = set(graph.inputs.tolist()), set(graph.outputs.tolist())

    def sweep() -> Results:
        order = list(nx.topological_sort(net))
        before = {unit: float(unit in inputs) for unit in order}
        after = {unit: float(unit in outputs) for unit in order}
        for u in order:
            for v, data in net.adj[u].items():
                before[v] += before[u] * data["weight"]
        through = {}
        for u in reversed(order):
            for v, data in net.adj[u].items():
                carried = data["weight"] * after[v]
                after[u] += carried
                through[u, v] = before[u] * carried
        units = np.array([before[u] * after[u] for u in range(graph.n_units)])
        return units, np.array([through[edge] for edge in net.edges])

    return sweep


def with_igraph(graph: NetGraph) -> Sweep:
    """A topological sweep over igraph's incidence lists."""
    import igraph

    targets = graph.weights.indices.tolist()
    net = igraph.Graph(
        graph.n_units, list(zip(graph.sources.tolist(), targets, strict=True)), directed=True
    )
    net.es["weight"] = graph.weights.data.tolist()

    def sweep() -> Results:
        order, weights = net.topological_sorting(), net.es["weight"]
        before, after = np.zeros(graph.n_units).tolist(), np.zeros(graph.n_units).tolist()
        for unit in graph.inputs:
            before[unit] = 1.0
        for unit in graph.outputs:
            after[unit] = 1.0
        for u in order:
            for edge in net.incident(u):
                before[targets[edge]] += before[u] * weights[edge]
        through = [0.0] * graph.n_edges
        for u in reversed(order):
            for edge in net.incident(u):
                carried = weights[edge] * after[targets[edge]]
                after[u] += carried
                through[edge] = before[u] * carried
        return np.multiply(before, after), np.array(through)

    return sweep


@dataclass(frozen=True)
class Tool:
    """Something to measure, up to a size."""

    name: str
    prepare: Callable[[NetGraph], Sweep]
    most_edges: int


TOOLS = (
    Tool("netsculpt", with_netsculpt, SIZES[-1] * 10),
    Tool("scipy", with_scipy, SIZES[-1]),
    Tool("igraph", with_igraph, 1_000_000),
    Tool("networkx", with_networkx, 1_000_000),
)


def best_seconds(sweep: Sweep, budget: float = 2.0) -> float:
    """Fastest of 3 to 20 runs within about `budget` seconds."""
    times: list[float] = []
    while len(times) < 3 or (len(times) < 20 and sum(times) < budget):
        start = time.perf_counter()
        sweep()
        times.append(time.perf_counter() - start)
    return min(times)


def peak_bytes(sweep: Sweep) -> int:
    """Most memory allocated at a time beyond what was there before."""
    tracemalloc.start()
    sweep()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def held_bytes(graph: NetGraph) -> int:
    """Memory of the graph's arrays."""
    weights = graph.weights
    return int(weights.data.nbytes + weights.indices.nbytes + weights.indptr.nbytes)


def compare(max_edges: int, console: Console) -> None:
    """Print one row a size and tool, then how each compares at its largest size."""
    table = Table("edges", "tool", "ns/edge", "× netsculpt", "peak B/edge", "graph B/edge")
    for column in (0, 2, 3, 4, 5):
        table.columns[column].justify = "right"
    largest: dict[str, str] = {}
    for size in (size for size in SIZES if size <= max_edges):
        graph = layered(size)
        truth, reference = with_netsculpt(graph)(), 0.0
        for tool in (tool for tool in TOOLS if size <= tool.most_edges):
            sweep = tool.prepare(graph)
            for found, expected in zip(sweep(), truth, strict=True):
                np.testing.assert_allclose(found, expected, rtol=1e-10)
            per_edge = best_seconds(sweep) / graph.n_edges * 1e9
            reference = reference or per_edge
            largest[tool.name] = f"{per_edge / reference:,.1f} × at {graph.n_edges:,} edges"
            table.add_row(
                f"{graph.n_edges:,}",
                tool.name,
                f"{per_edge:,.1f}",
                f"{per_edge / reference:,.1f}",
                f"{peak_bytes(sweep) / graph.n_edges:.1f}",
                f"{held_bytes(graph) / graph.n_edges:.1f}",
            )
        table.add_section()
    console.print(table)
    for name, ratio in largest.items():
        console.print(f"{name}: time per edge over that of netsculpt {ratio}")


def whole_way(n_edges: int, console: Console) -> None:
    """Load a graph, sweep it, save it: seconds and peak memory."""
    from netsculpt.graph_files import load_graph, save

    with TemporaryDirectory() as folder:
        path = Path(folder) / "graph.npz"
        save(layered(n_edges), path)
        tracemalloc.start()
        start = time.perf_counter()
        graph = load_graph(path)
        loaded = time.perf_counter()
        with_netsculpt(graph)()
        swept = time.perf_counter()
        save(graph, path)
        saved = time.perf_counter()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    console.print(
        f"{graph.n_edges:,} edges: load {loaded - start:.2f} s, sweep {swept - loaded:.2f} s, "
        f"save {saved - swept:.2f} s; peak {peak / graph.n_edges:.1f} B/edge"
    )


def main() -> None:
    """Compare the tools, then time a graph's whole way through."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--max-edges", type=int, default=SIZES[-1])
    max_edges = parser.parse_args().max_edges
    console = Console()
    compare(max_edges, console)
    whole_way(max_edges, console)


if __name__ == "__main__":
    main()
