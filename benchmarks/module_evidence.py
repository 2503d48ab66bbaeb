"""Modules by evidence: netsculpt's `mdl` against a nested block model, Infomap and modularity.

On a grid of planted networks (probability of an edge inside modules, and between them), every tool
finds modules without being told how many. ARI is with the planted modules, on live units; a nested
block model proposes a partition at each level, of which the one with the largest ARI counts (it is
given the layers, too: its groups must not mix them at the lowest level). Where both probabilities
are equal there are no modules, and ARI is 1 if one module is found, else 0.

    python benchmarks/module_evidence.py                      # some twenty minutes on one core
    python benchmarks/module_evidence.py --points 0.3/0.03,0.2/0.06 --seeds 2
    python benchmarks/module_evidence.py --edges 1000000      # time of large networks instead

Peers are run where they are installed, and the table says which are not: graph-tool by the Python
that has it (--graph-tool: a system's Python, as graph-tool is not on PyPI), Infomap by this one
(``pip install infomap``). Seconds are processor time, without imports or compilation.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from layered_networks import layered_network
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from netsculpt.core.random import stream
from netsculpt.graph.graph import NetGraph, live_units
from netsculpt.graph.partition import NO_MODULE, Partition
from netsculpt.graph.synthetic import planted
from netsculpt.modules import compare, layered, mdl

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "analyses"))
from modbench1.others import GraphTool, infomap

Proposals = tuple[list[NDArray[np.integer]], float]  # labels of live units, and seconds
WIDTHS, K = [60] * 5, 4
POINTS = "0.3/0.03,0.2/0.02,0.2/0.04,0.2/0.06,0.12/0.02,0.12/0.12"


def with_mdl(graph: NetGraph, seed: int) -> Proposals:
    """The detector of netsculpt that is told neither how many nor whether."""
    return _timed(partial(mdl, graph, rng=seed), live_units(graph))


def with_layered(graph: NetGraph, seed: int) -> Proposals:
    """Layer-aware modularity at γ = 1."""
    return _timed(partial(layered, graph, rng=seed), live_units(graph))


def with_infomap(graph: NetGraph, seed: int) -> Proposals:
    """Infomap on the undirected edges, two levels."""
    search = partial(infomap, directed=False, n_trials=1)
    return _timed(lambda: search(graph, stream(seed, "infomap")), live_units(graph))


def with_graph_tool(tool: GraphTool, graph: NetGraph, seed: int) -> Proposals:
    """The nested, degree-corrected block model, fitted by another Python."""
    levels, seconds = tool.levels(graph, stream(seed, "graph-tool"))
    live = live_units(graph)
    return [level.labels[live] for level in levels], seconds


def tools(python: str) -> tuple[dict[str, Callable[[NetGraph, int], Proposals]], list[str]]:
    """The tools that can be run here, and what is said of the others."""
    found: dict[str, Callable[[NetGraph, int], Proposals]] = {
        "mdl": with_mdl,
        "layered": with_layered,
    }
    missing = []
    nested = GraphTool(python)
    if nested.version():
        found["graph-tool"] = partial(with_graph_tool, nested)
    else:
        missing.append(f"graph-tool is not installed for {python}: see --graph-tool")
    if find_spec("infomap"):
        found["infomap"] = with_infomap
    else:
        missing.append("Infomap is not installed: pip install infomap")
    return found, missing


def main(argv: Sequence[str] | None = None) -> None:
    """Print one row per point of the grid, or per large network."""
    options = _arguments(argv)
    console = Console(width=110)
    for detect in (mdl, layered):  # compiled before anything is measured
        for p in (0.9, 0.4):
            detect(planted([24] * 3, 2, p, 0.4 if p == 0.4 else 0.1, rng=0)[0], rng=0)
    if options.edges:
        _print_times(console, options.edges)
        return
    found, missing = tools(options.graph_tool)
    rows = []
    for point in options.points.split(","):
        p_in, p_out = map(float, point.split("/"))
        for seed in range(options.seeds):
            graph, truth = planted(WIDTHS, K, p_in, p_out, rng=seed)
            for name, tool in found.items():
                rows.append({"point": point, "tool": name} | _scores(graph, truth, tool, seed))
    _print(console, pd.DataFrame(rows), list(found))
    for line in missing:
        console.print(line)


def _scores(
    graph: NetGraph, truth: Partition, tool: Callable[[NetGraph, int], Proposals], seed: int
) -> dict[str, Any]:
    proposals, seconds = tool(graph, seed)
    step = graph.provenance[0].parameters
    if step["p_in"] == step["p_out"]:
        counts = [np.unique(labels).size for labels in proposals]
        # A nested model always ends with one group: what counts is whether it has any other level
        # than the layers.
        none = max(min(counts), 1) if len(counts) == 1 else _groups_beyond_layers(graph, counts)
        return {"ari": float(none == 1), "modules": none, "seconds": seconds}
    scores = []
    for labels in proposals:
        full = np.full(graph.n_units, NO_MODULE, dtype=np.int64)
        full[live_units(graph)] = labels
        partition = Partition(full)
        scores.append((compare(partition, truth).ari, partition.n_modules))
    ari, modules = max(scores)
    return {"ari": ari, "modules": modules, "seconds": seconds}


def _groups_beyond_layers(graph: NetGraph, counts: list[int]) -> int:
    """1 if the lowest level has one group for each layer, else its number of groups."""
    return 1 if counts[0] <= len(graph.layers) else counts[0]


def _timed(detect: Callable[[], Partition], live: NDArray[np.bool_]) -> Proposals:
    start = time.process_time()
    partition = detect()
    return [partition.labels[live]], time.process_time() - start


def _print(console: Console, rows: pd.DataFrame, names: list[str]) -> None:
    table = Table("p_in/p_out", *(f"{name}: ARI, modules, s" for name in names))
    for point, own in rows.groupby("point", sort=False):
        cells = []
        for name in names:
            mine = own[own["tool"] == name]
            modules = " ".join(str(n) for n in mine["modules"])
            cells.append(f"{mine['ari'].mean():.2f}  {modules}  {mine['seconds'].mean():.2f}")
        table.add_row(str(point), *cells)
    console.print(table)
    means = rows.pivot_table(index="point", columns="tool", values="ari", aggfunc="mean")
    for name in set(names) - {"mdl"}:
        behind = int((means["mdl"] < means[name] - 0.005).sum())
        ratio = rows[rows["tool"] == name]["seconds"].sum() / max(
            rows[rows["tool"] == "mdl"]["seconds"].sum(), 1e-9
        )
        console.print(f"mdl is behind {name} at {behind} of {len(means)} points; {ratio:.1f} × mdl")


def _print_times(console: Console, n_edges: int) -> None:
    table = Table("inside modules", "edges", "seconds", "modules", "ARI", "evidence")
    for inside in (0.6, 0.3, 0.0):
        graph, truth = layered_network(n_edges, 13, 20, seed=0, inside=inside)
        start = time.process_time()
        partition = mdl(graph, rng=0)
        seconds = time.process_time() - start
        ari = compare(partition, truth).ari
        table.add_row(
            f"{inside}",
            f"{graph.n_edges:,}",
            f"{seconds:.1f}",
            f"{partition.n_modules}",
            f"{ari:.3f}",
            f"{partition.quality:.0f}",
        )
    console.print(table)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--points", default=POINTS, help=f"p_in/p_out, … (default: {POINTS})")
    parser.add_argument("--seeds", type=int, default=3, help="networks at each (default: 3)")
    parser.add_argument("--edges", type=int, help="time large networks with so many edges")
    parser.add_argument(
        "--graph-tool",
        default=sys.executable,
        metavar="PYTHON",
        help="Python that has graph-tool (default: this one)",
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
