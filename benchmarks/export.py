"""Files and conversions, compared with the usual ways without netsculpt.

    python benchmarks/export.py --max-edges 1e6

Prints seconds, megabytes and the ratio of times, peer / netsculpt; then bytes per edge.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import igraph
import networkx as nx
import numpy as np
import scipy.sparse

from netsculpt.graph.exporting import export
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.interop import to_igraph, to_networkx
from netsculpt.graph.matrices import from_matrices
from netsculpt.graph.npz import save
from netsculpt.loading.formats.graph import load_graph

N_LAYERS, DENSITY = 10, 0.1
MOST_TEXT = 10**6  # edges; beyond, the peers take minutes

Row = tuple[str, float, float | None, str, float, float | None]  # what, s, MB, peer, s, MB


def network(n_edges: int) -> NetGraph:
    """A multi-layer perceptron with equal layers and a tenth of its weights kept."""
    rng = np.random.default_rng(0)
    width = round((n_edges / (N_LAYERS - 1) / DENSITY) ** 0.5)
    shape = (width, width)
    weights = [rng.standard_normal(shape, dtype=np.float32) for _ in range(N_LAYERS - 1)]
    masks = [rng.random(shape, dtype=np.float32) < DENSITY for _ in weights]
    return from_matrices(weights, masks)


def seconds(call: Callable[[], Any], repeats: int) -> float:
    """The shortest time of a few calls."""
    times = []
    for _ in range(repeats):
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return min(times)


def megabytes(path: Path) -> float:
    """Size of a file."""
    return path.stat().st_size / 1e6


def binary_files(graph: NetGraph, folder: Path) -> list[Row]:
    """Our .npz and SciPy's, which holds only the weights."""
    ours, peers = folder / "graph.npz", folder / "weights.npz"
    store = partial(scipy.sparse.save_npz, peers, graph.weights, compressed=False)
    rows: list[Row] = []
    for what, mine, other in (
        ("write npz", partial(save, graph, ours), store),
        ("read npz", partial(load_graph, ours), partial(scipy.sparse.load_npz, peers)),
    ):
        times = seconds(mine, 5), seconds(other, 5)
        rows.append((what, times[0], megabytes(ours), "SciPy", times[1], megabytes(peers)))
    return rows


def text_files(graph: NetGraph, folder: Path) -> list[Row]:
    """GraphML and GEXF, and those of networkx from a ready graph."""
    other = to_networkx(graph)
    peers = folder / "theirs"
    rows: list[Row] = []
    for what, ours, peer in (
        ("write GraphML", folder / "ours.graphml", nx.write_graphml),
        ("write GEXF", folder / "ours.gexf", nx.write_gexf),
    ):
        times = seconds(partial(export, graph, ours), 3), seconds(partial(peer, other, peers), 1)
        rows.append((what, times[0], megabytes(ours), "networkx", times[1], megabytes(peers)))
    return rows


def conversions(graph: NetGraph) -> list[Row]:
    """Objects of other libraries, and the way their tutorials make them."""

    def igraph_of_pairs(pairs: Any) -> igraph.Graph:
        made = igraph.Graph(n=graph.n_units, edges=pairs, directed=True)
        made.es["weight"] = graph.weights.data.tolist()
        return made

    def networkx_of_tuples() -> nx.DiGraph[int]:
        made: nx.DiGraph[int] = nx.DiGraph()
        made.add_nodes_from(range(graph.n_units))
        made.add_weighted_edges_from(zip(*ends, graph.weights.data, strict=True))
        return made

    ends = graph.sources, graph.weights.indices
    ours = seconds(partial(to_igraph, graph), 3)
    tuples = seconds(lambda: igraph_of_pairs(list(zip(*ends, strict=True))), 1)
    array = seconds(lambda: igraph_of_pairs(np.column_stack(ends)), 1)
    full = seconds(partial(to_networkx, graph), 1)
    return [
        ("to igraph", ours, None, "list of tuples", tuples, None),
        ("to igraph", ours, None, "ndarray", array, None),
        ("to networkx", full, None, "weights alone", seconds(networkx_of_tuples, 1), None),
    ]


def bytes_an_edge(graph: NetGraph, folder: Path) -> str:
    """In memory and on disk."""
    csr = graph.weights
    held = csr.data.nbytes + csr.indices.nbytes + csr.indptr.nbytes
    stored = (folder / "graph.npz").stat().st_size
    return f"bytes/edge: {held / graph.n_edges:.2f} in memory, {stored / graph.n_edges:.2f} on disk"


def main() -> None:
    """Run all sizes up to --max-edges."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--max-edges", type=float, default=1e6)
    most = parser.parse_args().max_edges
    for n_edges in (10**power for power in range(4, 9) if 10**power <= most):
        graph = network(n_edges)
        print(f"\n{graph}")
        print(f"{'':15}{'s':>9}{'MB':>8}   {'peer':15}{'s':>9}{'MB':>8}{'ratio':>8}")
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            rows = binary_files(graph, folder)
            if graph.n_edges <= 1.1 * MOST_TEXT:
                rows += text_files(graph, folder) + conversions(graph)
            for what, ours, size, peer, theirs, their_size in rows:
                sizes = ["" if each is None else f"{each:.1f}" for each in (size, their_size)]
                print(
                    f"{what:15}{ours:9.4f}{sizes[0]:>8}   {peer:15}{theirs:9.4f}{sizes[1]:>8}"
                    f"{theirs / ours:8.1f}"
                )
            print(bytes_an_edge(graph, folder))


if __name__ == "__main__":
    main()
