"""Detectors of other libraries, on the undirected graph of the live units."""

from __future__ import annotations

import atexit
import json
import multiprocessing
import os
import subprocess
import time
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import LimitError
from netsculpt.graph.graph import NetGraph, live_units
from netsculpt.graph.partition import NO_MODULE, Partition

__all__ = ["GraphTool", "igraph_infomap", "igraph_leiden", "infomap", "leidenalg", "networkit"]

_SEEDS = 1 << 31
_TRIALS = 10  # of infomap; the best is kept
_WATCHING = 1.0  # seconds between two looks at whether the parent is there


def leidenalg(graph: NetGraph, rng: np.random.Generator) -> Partition:
    """Leiden's algorithm on modularity that ignores layers, until an iteration gains nothing."""
    leiden = import_module("leidenalg")
    net, units = _igraph(graph)
    found = leiden.find_partition(
        net,
        leiden.ModularityVertexPartition,
        weights="weight",
        n_iterations=-1,
        seed=int(rng.integers(_SEEDS)),
    )
    return _partition(graph, units, found.membership, "leidenalg")


def igraph_leiden(graph: NetGraph, rng: np.random.Generator) -> Partition:
    """The same by igraph's own code."""
    net, units = _igraph(graph, rng)
    found = net.community_leiden("modularity", weights="weight", n_iterations=-1)
    return _partition(graph, units, found.membership, "igraph Leiden")


def igraph_infomap(graph: NetGraph, rng: np.random.Generator) -> Partition:
    """Two-level map equation, best of ten trials, by igraph."""
    net, units = _igraph(graph, rng)
    found = net.community_infomap(edge_weights="weight", trials=_TRIALS)
    return _partition(graph, units, found.membership, "igraph Infomap")


def infomap(
    graph: NetGraph,
    rng: np.random.Generator,
    *,
    directed: bool = True,
    n_trials: int = _TRIALS,
) -> Partition:
    """Two-level map equation, best of some trials, by its authors."""
    units, source, target, weight = _edges(graph)
    found = import_module("infomap").Infomap(
        two_level=True,
        directed=directed,
        num_trials=n_trials,
        seed=1 + int(rng.integers(_SEEDS - 1)),
        num_threads=1,
    )
    for unit in range(units.size):
        found.add_node(unit)
    found.add_links(list(zip(source.tolist(), target.tolist(), weight.tolist(), strict=True)))
    found.run()
    modules = dict(found.get_modules())
    labels = [modules[unit] for unit in range(units.size)]
    return _partition(graph, units, labels, "infomap")


def networkit(graph: NetGraph, rng: np.random.Generator) -> Partition:
    """Louvain's method with refinement (PLM)."""
    library = import_module("networkit")
    units, source, target, weight = _edges(graph)
    library.setNumberOfThreads(1)
    library.setSeed(int(rng.integers(_SEEDS)), False)
    net = library.Graph(units.size, weighted=True)
    for edge in zip(source.tolist(), target.tolist(), weight.tolist(), strict=True):
        net.addEdge(*edge)
    search = library.community.PLM(net, refine=True)
    search.run()
    return _partition(graph, units, search.getPartition().getVector(), "networkit PLM")


class GraphTool:
    """Graph-tool in the Python that has it, which may be another one; it starts once."""

    def __init__(self, python: str) -> None:
        self.python = python

    def __call__(self, graph: NetGraph, rng: np.random.Generator) -> tuple[Partition, float]:
        """The lowest level of the nested block model, and the processor time in seconds.

        A block is a part of one layer, so AMI in each layer judges it, and that over all units
        does not.
        """
        levels, seconds = self.levels(graph, rng)
        return levels[0], seconds

    def levels(self, graph: NetGraph, rng: np.random.Generator) -> tuple[list[Partition], float]:
        """Every level of the nested block model, lowest first, and the processor time."""
        units, source, target, _ = _edges(graph)
        answer = _asked(
            _worker(self.python),
            {
                "layers": graph.layer_of[units].tolist(),
                "edges": np.stack([source, target], axis=1).tolist(),
                "seed": int(rng.integers(_SEEDS)),
            },
        )
        levels = [_partition(graph, units, labels, "graph-tool") for labels in answer["levels"]]
        return levels, float(answer["seconds"])

    def version(self) -> str | None:
        """Its version; None if that Python does not have it."""
        code = "import graph_tool.inference, graph_tool; print(graph_tool.__version__)"
        command = [self.python, "-c", code]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError:  # no such Python
            return None
        return done.stdout.strip() or None

    def peak_memory(self) -> float:
        """Largest memory of its process so far, in MB."""
        return float(_asked(_worker(self.python), {"memory": True})["megabytes"])


@cache
def _worker(python: str) -> subprocess.Popen[str]:
    """Process of graph-tool; it ends with this one, and this one with the study's."""
    _end_with_parent()
    script = Path(__file__).with_name("graph_tool_worker.py")
    worker = subprocess.Popen(
        [python, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    atexit.register(worker.communicate)  # closes its input, which ends it
    return worker


def _end_with_parent() -> None:
    """End this process when the one that started it as a worker is gone.

    A worker of a study that was killed would wait for more cells, and graph-tool for it.
    """
    parent = multiprocessing.parent_process()
    if parent is None:  # this process is the study, whoever started it
        return

    def watch() -> None:
        while os.getppid() == parent.pid:
            time.sleep(_WATCHING)
        os._exit(1)

    Thread(target=watch, daemon=True).start()


def _asked(worker: subprocess.Popen[str], request: dict[str, Any]) -> dict[str, Any]:
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(json.dumps(request) + "\n")
    worker.stdin.flush()
    line = worker.stdout.readline()
    if not line:
        time.sleep(0.1)
        raise LimitError(
            f"graph-tool's process ended with {worker.poll()}: run it by hand, "
            f"{' '.join(map(str, worker.args))}"  # type: ignore[arg-type]
        )
    answer: dict[str, Any] = json.loads(line)
    return answer


def _edges(
    graph: NetGraph,
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Live units, and source, target and |weight| of the edges between them, of nonzero weight.

    Ends are places among the live units.
    """
    live = live_units(graph)
    place = np.cumsum(live) - 1
    source, target = graph.sources, graph.weights.indices
    weight = np.abs(graph.weights.data.astype(np.float64))
    kept = live[source] & live[target] & (weight > 0)
    return np.flatnonzero(live), place[source[kept]], place[target[kept]], weight[kept]


def _igraph(graph: NetGraph, rng: np.random.Generator | None = None) -> tuple[Any, Any]:
    import igraph

    if rng is not None:
        igraph.set_random_number_generator(Random(int(rng.integers(_SEEDS))))
    units, source, target, weight = _edges(graph)
    ends = np.stack([source, target], axis=1)
    return igraph.Graph(units.size, ends, edge_attrs={"weight": weight}), units


def _partition(
    graph: NetGraph, units: NDArray[np.intp], labels: Sequence[int], method: str
) -> Partition:
    whole = np.full(graph.n_units, NO_MODULE, dtype=np.int64)
    whole[units] = labels
    return Partition(whole, method)
