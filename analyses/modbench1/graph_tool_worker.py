"""Answers requests for the nested block model; run by a Python that has graph-tool.

A request is a line of JSON: {"layers": [layer of each unit], "edges": [[source, target], …],
"seed": …}, or {"memory": true}. An answer is a line: {"levels": [[…], …], "seconds": …}, or
{"megabytes": …}. Where the requests end, so does this process, in the middle of a search, too: who
asked is gone.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from importlib import import_module
from queue import SimpleQueue
from threading import Thread

import numpy as np


def answered(request: dict[str, object]) -> dict[str, object]:
    """Blocks of the degree-corrected nested model of the directed graph, the lowest level first.

    No block of the lowest level has units of two layers: told so, the model finds more than if it
    has to learn it.
    """
    if "memory" in request:
        unit = 1e6 if sys.platform == "darwin" else 1e3
        return {"megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit}
    library, inference = import_module("graph_tool"), import_module("graph_tool.inference")
    library.openmp_set_num_threads(1)
    library.seed_rng(request["seed"])
    np.random.seed(request["seed"])  # type: ignore[arg-type]  # noqa: NPY002 - it draws from it
    began = time.process_time()
    net = library.Graph(directed=True)
    layers = np.array(request["layers"])
    net.add_vertex(layers.size)
    net.add_edge_list(request["edges"])
    layer = net.new_vertex_property("int", vals=layers)
    settings = {"deg_corr": True, "pclabel": layer}
    state = inference.minimize_nested_blockmodel_dl(net, state_args=settings)
    seconds = time.process_time() - began
    labels, levels = np.arange(layers.size), []
    for blocks in state.get_bs():
        labels = np.asarray(blocks)[labels]
        levels.append(labels.tolist())
    return {"levels": levels, "seconds": seconds}


def _receive(requests: SimpleQueue[str]) -> None:
    for line in sys.stdin:
        requests.put(line)
    os._exit(0)  # of a thread, so sys.exit would end no more than that


if __name__ == "__main__":
    received: SimpleQueue[str] = SimpleQueue()
    Thread(target=_receive, args=(received,), daemon=True).start()
    while True:
        print(json.dumps(answered(json.loads(received.get()))), flush=True)
