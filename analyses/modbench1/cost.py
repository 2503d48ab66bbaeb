"""Time and peak memory of one entrant on one larger planted network, in a process of its own.

python analyses/modbench1/cost.py ENTRANT WIDTH [PYTHON WITH GRAPH-TOOL]
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from modbench1.entrants import FORMS, entrants
from modbench1.network import Network
from netsculpt.core.errors import LimitError
from netsculpt.core.random import stream
from netsculpt.graph.synthetic import planted

__all__ = ["measured"]

_LAYERS, _MODULES, _P_IN, _P_OUT = 5, 6, 0.3, 0.03
_SMALL = 12  # width of the network on which code is compiled and libraries are loaded


def measured(entrant: str, width: int, graph_tool: str | None) -> dict[str, Any]:
    """Seconds of processor time and growth of memory in MB, and the size of the network."""
    command = [sys.executable, __file__, entrant, str(width), *([graph_tool] if graph_tool else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    if done.returncode:
        raise LimitError(f"{entrant!r} failed on a network of width {width}: {done.stderr[-500:]}")
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def _main(name: str, width: int, graph_tool: str | None) -> None:
    entrant = entrants(graph_tool)[name]
    small, network = _network(_SMALL), _network(width)
    form = FORMS[entrant.sees](network.graph)
    entrant.modules(small, FORMS[entrant.sees](small.graph), stream(0, "cost"))
    before = _peak(graph_tool, name)
    _, seconds = entrant.modules(network, form, stream(0, "cost"))
    growth = _peak(graph_tool, name) - before
    print(json.dumps({"edges": form.n_edges, "seconds": seconds, "megabytes": growth}))


def _network(width: int) -> Network:
    graph, truth = planted((width,) * _LAYERS, _MODULES, _P_IN, _P_OUT, rng=0)
    return Network(graph, truth)


def _peak(graph_tool: str | None, name: str) -> float:
    entrant = entrants(graph_tool)[name]
    if entrant.process is not None:
        return entrant.process.peak_memory()
    unit = 1e6 if sys.platform == "darwin" else 1e3  # bytes there, else kilobytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
