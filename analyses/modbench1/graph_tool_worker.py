"""Answers requests for the nested block model; run by a Python that has graph-tool.

A request is a line of JSON: {"layers": [layer of each unit], "edges": [[source, target], …],
"seed": …}, or {"memory": true}. An answer is a line: {"labels": […], "seconds": …}, or
{"megabytes": …}.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from importlib import import_module

import numpy as np


def answered(request: dict[str, object]) -> dict[str, object]:
    """Blocks at the lowest level of the degree-corrected nested model of the directed graph.

    No block has units of two layers: told so, the model finds more than if it has to learn it.
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
    labels = state.get_levels()[0].get_blocks().a.tolist()
    return {"labels": labels, "seconds": time.process_time() - began}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answered(json.loads(line))), flush=True)
