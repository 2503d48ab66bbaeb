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
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from layered_networks import layered_network
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from netsculpt.graph.graph import NetGraph, live_units
from netsculpt.graph.partition import NO_MODULE, Partition
from netsculpt.graph.synthetic import planted
from netsculpt.modules import compare, layered, mdl

Proposals = tuple[list[NDArray[np.integer]], float]  # labels of live units, and seconds
WIDTHS, K = [60] * 5, 4
POINTS = "0.3/0.03,0.2/0.02,0.2/0.04,0.2/0.06,0.12/0.02,0.12/0.12"

NESTED = """
import json, sys, time, warnings
warnings.filterwarnings("ignore")
import numpy as np
import graph_tool as gt
from graph_tool.inference import minimize_nested_blockmodel_dl
arrays = np.load(sys.argv[1])
gt.seed_rng(int(sys.argv[2]) + 1)
start = time.process_time()
net = gt.Graph(directed=True)
net.add_vertex(int(arrays["layer"].size))
net.add_edge_list(arrays["edges"])
layer = net.new_vertex_property("int", vals=arrays["layer"])
state = minimize_nested_blockmodel_dl(net, state_args={"deg_corr": True, "pclabel": layer})
seconds = time.process_time() - start
labels, levels = np.arange(arrays["layer"].size), []
for level in state.get_bs():
    labels = np.asarray(level)[labels]
    levels.append(labels.tolist())
print(json.dumps({"levels": levels, "seconds": seconds}))
"""


def with_mdl(graph: NetGraph, seed: int) -> Proposals:
    """The detector of netsculpt that is told neither how many nor whether."""
    return _timed(partial(mdl, graph, rng=seed), live_units(graph))


def with_layered(graph: NetGraph, seed: int) -> Proposals:
    """Layer-aware modularity at γ = 1."""
    return _timed(partial(layered, graph, rng=seed), live_units(graph))


def with_infomap(graph: NetGraph, seed: int) -> Proposals:
    """Infomap on the undirected edges, two levels."""
    from infomap import Infomap  # type: ignore[import-not-found, unused-ignore]

    edges, _ = _edges(graph)
    start = time.process_time()
    tool = Infomap(f"--silent --two-level --seed {seed + 1}")
    tool.add_links([(int(a), int(b), 1.0) for a, b in edges])
    result = tool.run()
    labels = np.zeros(int(live_units(graph).sum()), dtype=np.int64)
    for node in result.nodes(states=True):
        labels[node.node_id] = node.module_id
    return [labels], time.process_time() - start


def with_graph_tool(python: str, graph: NetGraph, seed: int) -> Proposals:
    """The nested, degree-corrected block model, fitted by another Python."""
    edges, layer = _edges(graph)
    with TemporaryDirectory() as folder:
        path = Path(folder, "network.npz")
        np.savez(path, edges=edges, layer=layer)
        command = [python, "-c", NESTED, str(path), str(seed)]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
    result = json.loads(run.stdout.splitlines()[-1])
    return [np.array(level) for level in result["levels"]], result["seconds"]


def tools(python: str) -> tuple[dict[str, Callable[[NetGraph, int], Proposals]], list[str]]:
    """The tools that can be run here, and what is said of the others."""
    found: dict[str, Callable[[NetGraph, int], Proposals]] = {
        "mdl": with_mdl,
        "layered": with_layered,
    }
    missing = []
    if _has_graph_tool(python):
        found["graph-tool"] = partial(with_graph_tool, python)
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


def _edges(graph: NetGraph) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Edges between live units [E, 2], in their numbers, and the layer of each [n]."""
    live = live_units(graph)
    number = np.cumsum(live) - 1
    source, target = graph.sources, graph.weights.indices
    kept = live[source] & live[target]
    return np.stack([number[source[kept]], number[target[kept]]], axis=1), graph.layer_of[live]


def _timed(detect: Callable[[], Partition], live: NDArray[np.bool_]) -> Proposals:
    start = time.process_time()
    partition = detect()
    return [partition.labels[live]], time.process_time() - start


def _has_graph_tool(python: str) -> bool:
    command = [python, "-c", "import graph_tool"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


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
