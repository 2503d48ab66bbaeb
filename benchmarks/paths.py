"""Node and edge path sweeps: netsculpt against SciPy, torch autograd, igraph and networkx.

Each tool computes the path weight through every unit and every edge of the same graph, already
built. Times are wall times, the best of several runs; tools that can use threads run on one and on
four. Peak is the memory that a sweep allocates (unknown for torch). The graphs are those of
benchmarks/modules.py: layers that taper, ERK densities, Pareto in-degrees, skips. On a busy machine
the figures for four threads mean nothing: threads wait for one another.

    python benchmarks/paths.py                                # 10⁴ … 10⁷ edges
    python benchmarks/paths.py --sizes 1000000 --families dense,sparse
    python benchmarks/paths.py --sizes 100000000 --tools netsculpt --threads 1    # some 6 GiB
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from modules import FAMILIES, FIRST, layers_of, listed, one_of
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from netsculpt.graph.graph import Block, NetGraph
from netsculpt.paths import path_weights

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)

Results = tuple[NDArray[np.float64], NDArray[np.float64]]  # [U], [E]
Sweep = Callable[[int], Results]  # by number of threads


def network(family: str, n_edges: int) -> NetGraph:
    """A network with about `n_edges` edges; |weights|, so that no sum cancels."""
    return FAMILIES[family](n_edges, layers_of(n_edges), seed=0)[0].magnitude


def in_order(graph: NetGraph) -> list[Block]:
    """Blocks ordered by source: those that enter a layer precede those that leave it."""
    return sorted(graph.blocks, key=lambda block: graph.layer(block.source).start)


def with_netsculpt(graph: NetGraph) -> Sweep:
    """One call, as a user makes it."""

    def sweep(threads: int) -> Results:
        result = path_weights(graph, jobs=threads)
        return result.units, result.edges

    return sweep


def with_scipy(graph: NetGraph) -> Sweep:
    """Sparse products block by block, in float64."""
    blocks = []
    for block in in_order(graph):
        matrix = graph.block(block.source, block.target).astype(np.float64)
        ends = graph.layer(block.source).units, graph.layer(block.target).units
        blocks.append((*ends, matrix, graph.block_edges(block.source, block.target)))

    def sweep(_threads: int) -> Results:
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


def with_torch(graph: NetGraph) -> Sweep:
    """Derivatives of the path total by states and by weights, times these, in float64."""
    import torch

    ends = {layer.name: layer.n_units for layer in graph.layers}
    first, last = graph.layers[0].name, graph.layers[-1].name
    weights = torch.from_numpy(graph.weights.data.astype(np.float64)).requires_grad_()
    blocks = []
    for block in in_order(graph):
        edges = graph.block_edges(block.source, block.target)
        here, there = graph.layer(block.source), graph.layer(block.target)
        indices = torch.arange(graph.n_edges)[edges]
        sources = torch.from_numpy(graph.sources[edges].astype(np.int64) - here.start)
        targets = torch.from_numpy(graph.weights.indices[edges].astype(np.int64) - there.start)
        blocks.append((block.source, block.target, indices, sources, targets))

    def sweep(threads: int) -> Results:
        torch.set_num_threads(threads)
        states = {name: torch.zeros(n, dtype=torch.float64) for name, n in ends.items()}
        states[first] = torch.ones(ends[first], dtype=torch.float64, requires_grad=True)
        for source, target, indices, sources, targets in blocks:
            carried = states[source][sources] * weights[indices]
            states[target] = states[target].index_add(0, targets, carried)
        of = [states[name] for name in ends]
        *after, by_weight = torch.autograd.grad(states[last].sum(), [*of, weights])
        units = torch.cat([x * y for x, y in zip(of, after, strict=True)])
        return units.detach().numpy(), (by_weight * weights).detach().numpy()

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

    def sweep(_threads: int) -> Results:
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

    def sweep(_threads: int) -> Results:
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
    """A tool, and the largest size it is measured on."""

    name: str
    prepare: Callable[[NetGraph], Sweep]
    most_edges: int
    threads: bool = False  # whether it uses several
    traced: bool = True  # whether Python allocates its memory


TOOLS = (
    Tool("netsculpt", with_netsculpt, 100_000_000, threads=True),
    Tool("scipy", with_scipy, 100_000_000),
    Tool("torch", with_torch, 10_000_000, threads=True, traced=False),
    Tool("igraph", with_igraph, 1_000_000),
    Tool("networkx", with_networkx, 1_000_000),
)


def best_seconds(sweep: Callable[[], Results], budget: float = 2.0) -> float:
    """Seconds of the fastest of 3 to 20 runs within about `budget` seconds."""
    times: list[float] = []
    while len(times) < 3 or (len(times) < 20 and sum(times) < budget):
        start = time.perf_counter()
        sweep()
        times.append(time.perf_counter() - start)
    return min(times)


def peak_bytes(sweep: Sweep) -> int:
    """Peak memory allocated beyond that before the call."""
    tracemalloc.start()
    sweep(1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def held_bytes(graph: NetGraph) -> int:
    """Memory of the graph's arrays."""
    weights = graph.weights
    return int(weights.data.nbytes + weights.indices.nbytes + weights.indptr.nbytes)


def compare(graphs: Iterable[NetGraph], tools: list[Tool], threads: list[int]) -> Table:
    """One row per graph, tool and number of threads."""
    columns = ("ns/edge", "× netsculpt", "peak B/edge", "graph B/edge")
    table = Table("edges", "units", "tool", "threads", *columns)
    for column in (0, 1, *range(3, 8)):
        table.columns[column].justify = "right"
    for graph in graphs:
        truth, reference = with_netsculpt(graph)(1), None
        for tool in (tool for tool in tools if graph.n_edges <= tool.most_edges):
            sweep = tool.prepare(graph)
            for result, expected in zip(sweep(1), truth, strict=True):
                np.testing.assert_allclose(result, expected, rtol=1e-10)
            peak = f"{peak_bytes(sweep) / graph.n_edges:.1f}" if tool.traced else ""
            for n_threads in threads if tool.threads else [1]:
                per_edge = best_seconds(partial(sweep, n_threads)) / graph.n_edges * 1e9
                reference = reference or (per_edge if tool.name == "netsculpt" else None)
                table.add_row(
                    f"{graph.n_edges:,}",
                    f"{graph.n_units:,}",
                    tool.name,
                    f"{n_threads}",
                    f"{per_edge:,.1f}",
                    f"{per_edge / reference:,.1f}" if reference else "",
                    peak,
                    f"{held_bytes(graph) / graph.n_edges:.1f}",
                )
        table.add_section()
    return table


def whole_way(graph: NetGraph) -> str:
    """Load a graph, sweep it, save it: seconds and peak memory."""
    from netsculpt.graph.npz import save
    from netsculpt.loading.formats.graph import load_graph

    with TemporaryDirectory() as folder:
        path = Path(folder) / "graph.npz"
        save(graph, path)
        tracemalloc.start()
        start = time.perf_counter()
        graph = load_graph(path)
        loaded = time.perf_counter()
        with_netsculpt(graph)(1)
        swept = time.perf_counter()
        save(graph, path)
        saved = time.perf_counter()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return (
        f"{graph.n_edges:,} edges: load {loaded - start:.2f} s, sweep {swept - loaded:.2f} s, "
        f"save {saved - swept:.2f} s; peak {peak / graph.n_edges:.1f} B/edge"
    )


def main() -> None:
    """Compare the tools, then time loading, sweeping and saving the largest graph."""
    options = _arguments()
    tools = [tool for tool in TOOLS if tool.name in options.tools]
    sizes = sorted(options.sizes)
    graphs = (network(family, size) for size in sizes for family in options.families)
    console = Console(width=110)
    console.print(compare(graphs, tools, options.threads))
    console.print(whole_way(network(options.families[0], sizes[-1])))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [tool.name for tool in TOOLS]
    families = listed(one_of(FAMILIES))
    add = parser.add_argument
    add("--sizes", type=listed(int), default=SIZES, help="edges, comma-separated")
    add("--families", type=families, default=FIRST, help=", ".join(FAMILIES))
    add("--tools", type=listed(one_of(names)), default=names, help=", ".join(names))
    add("--threads", type=listed(int), default=[1, 4], help="numbers of threads (default: 1,4)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
