"""Module detection: netsculpt against the detectors of other libraries, on one core.

Each tool finds the modules of the same planted networks (layered_networks.py: layers that taper,
Pareto in-degrees, skips; FAMILIES says how dense). A share "inside" of the edges is drawn inside
modules: .8 in strong ones, .3 in weak ones. All tools get the same weights, or none ("pattern").
`layered` and `leiden` (leidenalg's multiplex) maximise layer-aware modularity, the others
undirected modularity of the same edges.

    python benchmarks/modules.py -o modules.csv                     # to 10⁶ edges: some ten minutes
    python benchmarks/modules.py --sizes 10000 --tools layered,leiden --inside .6
    python benchmarks/modules.py --sizes 10000000 --inside .6 --limit 200 -o large.csv
    python figures/module_benchmark.py modules.csv

Every run has its own process. Its time is the processor time from the network's arrays to labels:
it includes building the tool's own graph, but neither imports nor compilation; short times are
means. MB is the peak growth of memory. A run ends after --limit such seconds, and its tool is not
tried again on networks as large. Q (layer-aware), ARI and AMI (with the planted
modules) and AMI with the layers are of live units. networkit and scikit-network are optional:
``pip install netsculpt[bench]``.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from math import ceil
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from layered_networks import dense_network, layered_network
from numpy.typing import ArrayLike
from rich.console import Console
from rich.table import Table
from scipy.sparse import csr_matrix

from netsculpt.graph.graph import NetGraph, live_units
from netsculpt.graph.npz import save
from netsculpt.graph.partition import NO_MODULE, Partition
from netsculpt.graph.synthetic import planted
from netsculpt.loading.formats.graph import load_graph
from netsculpt.modules import compare, layer_ami, leiden, quality
from netsculpt.modules.detectors.layered import layered

LAYERS = {10_000: 7, 100_000: 9, 1_000_000: 13, 10_000_000: 16, 100_000_000: 20}  # by edges
SIZES = (10_000, 100_000, 1_000_000)
INSIDE = (0.8, 0.6, 0.45, 0.3)
WEIGHTS = ("weights", "pattern")
FAMILIES: dict[str, Callable[..., tuple[NetGraph, Partition]]] = {
    "dense": partial(dense_network, density=0.1),  # share of the possible edges
    "sparse": partial(layered_network, degree=20),  # mean in-degree
}
FIRST = list(FAMILIES)[:1]  # default
LIMIT = 30  # seconds
RUNS, SHORT = 100, 2.0  # runs, at most for so many seconds: the processor's clock ticks every 4 ms


def layers_of(n_edges: int) -> int:
    """Number of layers of a network with about `n_edges` edges."""
    return LAYERS[min(LAYERS, key=lambda size: abs(np.log(size / n_edges)))]


def with_layered(graph: NetGraph) -> ArrayLike:
    """The engine of netsculpt."""
    return layered(graph, rng=0).labels


def with_leiden(graph: NetGraph) -> ArrayLike:
    """Leidenalg's multiplex, with one graph per layer pair."""
    return leiden(graph, rng=0).labels


def with_leidenalg(graph: NetGraph) -> ArrayLike:
    """Leiden's algorithm until an iteration gains nothing."""
    import leidenalg

    form = leidenalg.ModularityVertexPartition
    net = _igraph(graph)
    partition = leidenalg.find_partition(net, form, weights="weight", n_iterations=-1, seed=0)
    labels: ArrayLike = partition.membership
    return labels


def with_igraph(graph: NetGraph) -> ArrayLike:
    """Leiden's algorithm until an iteration gains nothing."""
    import random

    import igraph

    igraph.set_random_number_generator(random.Random(0))
    partition = _igraph(graph).community_leiden("modularity", weights="weight", n_iterations=-1)
    labels: ArrayLike = partition.membership
    return labels


def with_networkit(graph: NetGraph) -> ArrayLike:
    """Louvain's method with refinement (PLM)."""
    networkit, net = _networkit(graph)
    return _run(networkit.community.PLM(net, refine=True))


def with_networkit_leiden(graph: NetGraph) -> ArrayLike:
    """Leiden's algorithm, with networkit's number of iterations."""
    networkit, net = _networkit(graph)
    return _run(networkit.community.ParallelLeiden(net))


def with_sknetwork(graph: NetGraph) -> ArrayLike:
    """Louvain's method."""
    clustering: Any = import_module("sknetwork.clustering")
    return _labels(clustering.Louvain(random_state=0), graph)


def with_sknetwork_leiden(graph: NetGraph) -> ArrayLike:
    """Leiden's algorithm."""
    clustering: Any = import_module("sknetwork.clustering")
    return _labels(clustering.Leiden(random_state=0), graph)


def with_networkx(graph: NetGraph) -> ArrayLike:
    """Louvain's method, in Python."""
    import networkx as nx

    net: nx.Graph[int] = nx.Graph()
    net.add_nodes_from(range(graph.n_units))
    sources, targets, weights = _edges(graph)
    net.add_weighted_edges_from(zip(sources, targets, weights, strict=True))
    labels = np.empty(graph.n_units, dtype=np.int64)
    for label, members in enumerate(nx.community.louvain_communities(net, seed=0)):
        labels[list(members)] = label
    return labels


TOOLS: dict[str, Callable[[NetGraph], ArrayLike]] = {
    "layered": with_layered,
    "leiden": with_leiden,
    "leidenalg": with_leidenalg,
    "igraph": with_igraph,
    "networkit PLM": with_networkit,
    "networkit Leiden": with_networkit_leiden,
    "sknetwork Louvain": with_sknetwork,
    "sknetwork Leiden": with_sknetwork_leiden,
    "networkx": with_networkx,
}


@dataclass(frozen=True)
class Task:
    """A network whose modules are to be found."""

    family: str
    size: int  # edges, about
    inside: float
    weights: str

    def network(self) -> tuple[NetGraph, Partition]:
        """The network and its planted modules."""
        draw = FAMILIES[self.family]
        graph, truth = draw(self.size, layers_of(self.size), seed=0, inside=self.inside)
        return (graph.pattern if self.weights == "pattern" else graph), truth


@dataclass(frozen=True)
class Row:
    """Result of one tool on one network; without numbers unless `status` is "found"."""

    family: str
    size: int  # edges requested; those drawn twice count once
    n_edges: int
    layers: int
    pairs: int
    inside: float
    weights: str
    tool: str
    status: str
    seconds: float | None = None
    us_per_edge: float | None = None
    times_layered: float | None = None
    megabytes: float | None = None
    modules: int | None = None
    q: float | None = None
    ari: float | None = None
    ami: float | None = None
    ami_layers: float | None = None


@dataclass(frozen=True)
class Found:
    """Result of a tool's process."""

    labels: ArrayLike
    seconds: float
    megabytes: float


def measured(tool: str, path: Path, limit: int) -> Found | str:
    """Labels of a network by a tool in a separate process, or why there are none.

    Processes come from a server that has not seen a network, so that all begin alike.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([layered.__module__, "netsculpt.graph.npz", "pandas"])
    receiver, sender = context.Pipe()
    process = context.Process(target=_in_process, args=(sender, tool, path, limit))
    process.start()
    sender.close()
    try:
        answer: Found | str = receiver.recv()
        return answer
    except EOFError:
        process.join()
        if process.exitcode == -signal.SIGXCPU:
            return f"over {limit} s"
        return f"died (exit code {process.exitcode})"
    finally:
        process.join()


def rows_of(
    task: Task, tools: list[str], limit: int, over: dict[str, int], console: Console
) -> Iterator[Row]:
    """A row for the planted modules and one per tool; those too slow are added to `over`."""
    graph, truth = task.network()
    live = live_units(graph)
    shape = graph.n_edges, len(graph.layers), len(graph.blocks)
    about = task.family, task.size, *shape, task.inside, task.weights
    reference = None
    yield Row(*about, "planted", "found", **_judged(graph, truth, truth, live))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "graph.npz"
        save(graph, path)
        for tool in tools:
            if task.size >= over.get(tool, task.size + 1):
                yield Row(*about, tool, f"not run: over {limit} s at {over[tool]:,} edges")
                continue
            console.print(
                f"{task.family}, {graph.n_edges:,} edges, {task.inside}, {task.weights}: {tool}"
            )
            answer = measured(tool, path, limit)
            if isinstance(answer, str):
                if answer.startswith("over"):
                    over[tool] = task.size
                yield Row(*about, tool, answer)
                continue
            reference = answer.seconds if tool == "layered" else reference
            yield Row(
                *about,
                tool,
                "found",
                seconds=answer.seconds,
                us_per_edge=answer.seconds / graph.n_edges * 1e6,
                times_layered=answer.seconds / reference if reference else None,
                megabytes=answer.megabytes,
                **_judged(graph, Partition(answer.labels), truth, live),
            )


def main() -> None:
    """Print one table per network."""
    options = _arguments()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = "1"
    progress, console = Console(stderr=True), Console(width=110)
    tasks = [
        Task(family, size, inside, weights)
        for size in sorted(options.sizes)
        for family in options.families
        for weights in options.weights
        for inside in options.inside
    ]
    over: dict[str, int] = {}
    rows: list[Row] = []
    for task in tasks:
        new = list(rows_of(task, options.tools, options.limit, over, progress))
        console.print(_table(new))
        rows += new
        if options.out:
            _write(rows, options.out)


def _in_process(connection: Connection, tool: str, path: Path, limit: int) -> None:
    """Send the result, or what is missing."""
    detect = TOOLS[tool]
    try:
        detect(planted([8, 8], 2, 1.0, 0.0, rng=0)[0])  # imports are not measured
    except ModuleNotFoundError as error:
        connection.send(f"not installed: {error.name}")
        return
    graph = load_graph(path)
    before = _peak_megabytes(reset=True)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (ceil(time.process_time()) + limit, most))
    start = time.process_time()
    labels = detect(graph)
    each = time.process_time() - start
    if each < SHORT:  # the first run loads libraries and is not counted
        start, runs = time.process_time(), 0
        while runs < RUNS and time.process_time() - start < SHORT:
            labels, runs = detect(graph), runs + 1
        each = (time.process_time() - start) / runs
    connection.send(Found(labels, each, _peak_megabytes(reset=False) - before))


def _judged(
    graph: NetGraph,
    partition: Partition,
    truth: Partition,
    live: np.ndarray[Any, np.dtype[np.bool_]],
) -> dict[str, Any]:
    partition = Partition(np.where(live, partition.labels, NO_MODULE))
    match = compare(partition, truth)
    return {
        "modules": partition.n_modules,
        "q": quality(graph, partition),
        "ari": match.ari,
        "ami": match.ami,
        "ami_layers": layer_ami(graph, partition),
    }


def _peak_megabytes(reset: bool) -> float:
    """Peak memory of the process since the last reset (on Linux; elsewhere unknown)."""
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1000


def _edges(graph: NetGraph) -> tuple[list[int], list[int], list[float]]:
    """Sources, targets and sizes of weights, in lists."""
    sizes = np.abs(graph.weights.data)
    return graph.sources.tolist(), graph.weights.indices.tolist(), sizes.tolist()


def _igraph(graph: NetGraph) -> Any:
    import igraph

    sources, targets, weights = _edges(graph)
    net = igraph.Graph(graph.n_units, list(zip(sources, targets, strict=True)))
    net.es["weight"] = weights
    return net


def _networkit(graph: NetGraph) -> tuple[Any, Any]:
    """The library, on one thread, and the network."""
    networkit: Any = import_module("networkit")
    networkit.setNumberOfThreads(1)
    networkit.setSeed(0, False)
    # Other integers than these end in a segmentation fault (networkit 11.2).
    ends = graph.sources.astype(np.uint64), graph.weights.indices.astype(np.uint64)
    sizes = np.abs(graph.weights.data).astype(np.float64)
    net = networkit.GraphFromCoo((sizes, ends), graph.n_units, weighted=True, directed=False)
    return networkit, net


def _run(algorithm: Any) -> ArrayLike:
    labels: ArrayLike = algorithm.run().getPartition().getVector()
    return labels


def _labels(algorithm: Any, graph: NetGraph) -> ArrayLike:
    sizes = abs(csr_matrix(graph.weights))
    labels: ArrayLike = algorithm.fit_predict(sizes + sizes.T)
    return labels


def _table(rows: list[Row]) -> Table:
    numbers = ("s", "µs/edge", "× layered", "MB", "modules", "Q", "ARI", "AMI", "AMI layers")
    first = rows[0]
    title = (
        f"{first.family}: {first.n_edges:,} edges, {first.layers} layers, {first.pairs} pairs, "
        f"inside {first.inside}, {first.weights}"
    )
    without = "\n".join(f"{row.tool}: {row.status}" for row in rows if row.status != "found")
    table = Table("tool", *numbers, title=title, caption=without)
    table.title_justify = table.caption_justify = "left"
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        if row.status != "found":
            table.add_row(row.tool)
            continue
        table.add_row(
            row.tool,
            *(
                "" if number is None else f"{number:{form}}"
                for number, form in (
                    (row.seconds, ".3f"),
                    (row.us_per_edge, ".2f"),
                    (row.times_layered, ".2f"),
                    (row.megabytes, ",.0f"),
                    (row.modules, ","),
                    (row.q, ".4f"),
                    (row.ari, ".3f"),
                    (row.ami, ".3f"),
                    (row.ami_layers, ".3f"),
                )
            ),
        )
    return table


def _write(rows: list[Row], path: Path) -> None:
    table = pd.DataFrame([asdict(row) for row in rows])
    if path.suffix == ".json":
        table.to_json(path, orient="records", indent=1)
    else:
        table.to_csv(path, index=False)


def listed(kind: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    """A type for argparse: words with commas between them."""
    return lambda text: [kind(word) for word in text.split(",")]


def one_of(names: Collection[str]) -> Callable[[str], str]:
    """A type for argparse: one of these words."""

    def checked(word: str) -> str:
        if word not in names:
            raise argparse.ArgumentTypeError(f"no {word!r}; there are {', '.join(names)}")
        return word

    return checked


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--sizes", type=listed(int), default=SIZES, help="edges, comma-separated")
    families = listed(one_of(FAMILIES))
    add("--families", type=families, default=FIRST, help=", ".join(FAMILIES))
    add("--inside", type=listed(float), default=INSIDE, help="shares of edges inside modules")
    add("--weights", type=listed(one_of(WEIGHTS)), default=WEIGHTS, help="weights, pattern or both")
    add("--tools", type=listed(one_of(TOOLS)), default=list(TOOLS), help=", ".join(TOOLS))
    add("--limit", type=int, default=LIMIT, help=f"seconds per run (default: {LIMIT})")
    add("-o", "--out", type=Path, help="FILE.csv or FILE.json, a row per tool and network")
    given = parser.parse_args()
    if given.out and given.out.suffix not in {".csv", ".json"}:
        parser.error(f"{given.out} ends in neither .csv nor .json")
    return given


if __name__ == "__main__":
    main()
