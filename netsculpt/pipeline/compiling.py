"""Compiling what an analysis needs in a second process, while the first one does other work."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from joblib import cpu_count

from netsculpt.graph.cycles import cycles, independent_cycles
from netsculpt.graph.synthetic import planted
from netsculpt.modules.detectors.layered import layered
from netsculpt.nulls.models.rewire import rewire
from netsculpt.pipeline.plan import AnalysisPlan
from netsculpt.pipeline.stages import analyze

__all__ = ["compile_analysis", "compiled_meanwhile"]

_CHILD = "from netsculpt.pipeline.compiling import compile_analysis; compile_analysis()"


@contextmanager
def compiled_meanwhile() -> Iterator[None]:
    """Let another process compile the code of an analysis while a ``with`` block runs.

    Only if that has never been done here and there is a second core. The results are the same: what
    is not ready when it is needed is compiled as ever.
    """
    if _is_compiled() or cpu_count() < 2:
        yield
        return
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as child:
        try:
            yield
        finally:
            child.terminate()


def compile_analysis() -> None:
    """Analyse a small network, so that the code for it is compiled and kept on disk.

    Balancing, which comes first in an analysis, is left to the end: the other process has then
    reached it and compiles it itself, while this one compiles what comes after.
    """
    graph, _ = planted([8, 16, 16, 8], 2, 0.5, 0.1, rng=0)
    weights = np.random.default_rng(0).lognormal(size=graph.n_edges)
    graph = graph.with_weights(weights.astype(np.float32))
    ends, chosen = (graph.sources, graph.weights.indices), np.ones(graph.n_edges, np.bool_)
    group = np.zeros(graph.n_edges, np.int64)
    layered(graph.pattern, rng=0)
    rewire(graph.pattern, rng=0)
    cycles(*ends, group, 1)
    independent_cycles(*ends, group, chosen, 1)
    analyze(graph, AnalysisPlan(n_nulls=1, n_seeds=0), rng=0)


def _is_compiled() -> bool:
    """Whether an analysis has left compiled code here, or none can be kept."""
    from netsculpt.core import compiled

    called: Any = compiled.grouped  # in every analysis, and not in training
    folder = called.stats.cache_path
    return folder is None or any(Path(folder).glob("compiled.grouped-*.nbi"))
