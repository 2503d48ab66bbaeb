"""Code that another process compiles is what an analysis needs, and no process starts in vain."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from netsculpt.pipeline import compiling

COUNT = """
import sys
import numpy as np
from numba.core import event
import netsculpt
from netsculpt.pipeline import compiling

compiled = []


class Listener(event.Listener):
    def on_start(self, event):
        pass

    def on_end(self, event):
        compiled.append(event.data["dispatcher"].py_func.__qualname__)


event.register("numba:compile", Listener())
if sys.argv[1] == "before":
    assert not compiling._is_compiled()
    compiling.compile_analysis()
else:
    assert compiling._is_compiled()
    rng = np.random.default_rng(1)
    shapes = (12, 9), (5, 12)
    masks = [rng.random(shape) < 0.4 for shape in shapes]
    weights = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    graph = netsculpt.from_matrices(weights, masks)
    netsculpt.analyze(graph, netsculpt.AnalysisPlan(n_nulls=20, n_seeds=2), rng=0)
print(*compiled)
"""


@pytest.mark.slow
def test_an_analysis_compiles_nothing_after_it(tmp_path: Path) -> None:
    where = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    before, after = (
        subprocess.run(
            [sys.executable, "-c", COUNT, when],
            env=where,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for when in ("before", "after")
    )
    assert {"breed", "balance_every_group", "trade", "mark_cycles", "count_cycles"} <= {*before}
    assert after == []


@pytest.mark.parametrize(("kept", "cores", "starts"), [(False, 2, 1), (False, 1, 0), (True, 2, 0)])
def test_a_process_starts_only_where_it_helps(
    monkeypatch: pytest.MonkeyPatch, kept: bool, cores: int, starts: int
) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Recorded(subprocess.Popen[bytes]):
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__([sys.executable, "-c", "import time; time.sleep(600)"])
            started.append(self)

    monkeypatch.setattr(compiling, "_is_compiled", lambda: kept)
    monkeypatch.setattr(compiling, "cpu_count", lambda: cores)
    monkeypatch.setattr(subprocess, "Popen", Recorded)
    with compiling.compiled_meanwhile():
        assert len(started) == starts
        assert all(child.poll() is None for child in started)
    assert all(child.poll() is not None for child in started)  # it is not left behind
