"""Processes of ModBench: what the one with graph-tool answers, and that none outlives its study."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from select import select

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "analyses"))

from modbench1 import others  # noqa: E402

from netsculpt.graph.synthetic import planted  # noqa: E402

WORKER = Path(others.__file__).with_name("graph_tool_worker.py")
WAIT = 20.0  # seconds, on a busy machine; it takes less than one
LIBRARY = """
import time
openmp_set_num_threads = seed_rng = lambda n: None
class Graph:
    def __init__(self, directed):
        assert directed
    def add_vertex(self, n):
        self.n = n
    def add_edge_list(self, edges):
        assert max(map(max, edges)) < self.n
    def new_vertex_property(self, kind, vals):
        return vals
"""
INFERENCE = """
import time
class State:
    def get_bs(self):
        return [[0, 0, 1, 1, 2, 2], [0, 0, 1], [0, 0]]
def minimize_nested_blockmodel_dl(net, state_args):
    print("begun", flush=True)
    time.sleep({seconds})
    return State()
"""
STUDY = """
import multiprocessing, os, sys, time
sys.path.insert(0, {analyses!r})
from modbench1 import others
others._WATCHING = 0.02

def work():
    assert others.GraphTool(sys.executable).peak_memory() > 0
    print(os.getpid(), flush=True)
    time.sleep(600)

worker = multiprocessing.get_context("fork").Process(target=work)
worker.start()
time.sleep(600)
"""


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for graph-tool with the calls that are needed, whose search ends at once."""
    folder = tmp_path / "graph_tool"
    folder.mkdir()
    (folder / "__init__.py").write_text(LIBRARY)
    (folder / "inference.py").write_text(INFERENCE.format(seconds=0).replace("    print", "    #"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return folder


@pytest.fixture
def worker(library: Path) -> Iterator[subprocess.Popen[str]]:
    (library / "inference.py").write_text(INFERENCE.format(seconds=600))
    pipe = subprocess.PIPE
    command = [sys.executable, str(WORKER)]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        yield process
        process.kill()


def asked(worker: subprocess.Popen[str], request: dict[str, object]) -> str:
    """The first line that it prints after a request."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(json.dumps(request) + "\n")
    worker.stdin.flush()
    return worker.stdout.readline()


@pytest.mark.parametrize("searching", [False, True])
def test_graph_tool_ends_with_the_requests(worker: subprocess.Popen[str], searching: bool) -> None:
    assert json.loads(asked(worker, {"memory": True}))["megabytes"] > 1
    if searching:
        request = {"layers": [0, 1], "edges": [[0, 1]], "seed": 0}
        assert asked(worker, request) == "begun\n"
    assert worker.poll() is None
    assert worker.stdin is not None
    worker.stdin.close()
    assert worker.wait(WAIT) == 0


@pytest.mark.usefixtures("library")
def test_every_level_names_the_live_units_modules() -> None:
    graph, _ = planted([2, 2, 2], 1, 1.0, 1.0, rng=0)
    tool = others.GraphTool(f"{Path(sys.executable).parent}/./{Path(sys.executable).name}")
    levels, seconds = tool.levels(graph, np.random.default_rng(0))
    assert [x.labels.tolist() for x in levels] == [[0, 0, 1, 1, 2, 2], [0, 0, 0, 0, 1, 1], [0] * 6]
    assert seconds >= 0
    assert tool(graph, np.random.default_rng(0))[0].labels.tolist() == [0, 0, 1, 1, 2, 2]


def test_a_python_that_is_not_there_has_no_graph_tool() -> None:
    assert others.GraphTool("/no/such/python").version() is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_a_study_that_is_killed(how: signal.Signals) -> None:
    """The worker holds the study's standard output, which ends when both are gone."""
    script = STUDY.format(analyses=str(ROOT / "analyses"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as study:
        assert study.stdout is not None
        worker = int(study.stdout.readline())
        study.send_signal(how)
        study.wait(WAIT)
        if not select([study.stdout], [], [], WAIT)[0]:
            os.kill(worker, signal.SIGKILL)
            pytest.fail("the worker is still there")
        assert study.stdout.read() == ""
