"""What every test begins with."""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path

import pytest

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may start jobs without
os.environ.setdefault("OMP_NUM_THREADS", "1")  # of processes too: tests share the cores
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or each command that runs compiles the package
sys.dont_write_bytecode = False
gc.set_threshold(50_000)  # new objects, as the command line sets it; with 700, tests take longer
import torch  # noqa: E402
from commands import build_once  # noqa: E402
from compiling import compile_once  # noqa: E402
from exports import hasten, share  # noqa: E402
from formulas import parse_once  # noqa: E402

hasten()
compile_once()
build_once()
parse_once()


@pytest.fixture(autouse=True)
def same_weights_every_time() -> None:
    """Torch draws initial weights from its global generator, now and then an exact 0: no edge."""
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def one_export(monkeypatch: pytest.MonkeyPatch) -> None:
    """Traced and checked in several ways, a net is exported once, until its tensors change."""
    share(monkeypatch)


@pytest.fixture
def blank_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures get files, but nothing in them: for tests of what becomes of a folder."""
    from netsculpt.plots import style

    monkeypatch.setattr(style, "laid_out", lambda figure: figure)
    monkeypatch.setattr(style, "write_figure", lambda _, path: Path(path).write_bytes(b"figure"))


def pytest_collection_finish() -> None:
    """Spare the garbage collector the modules and tests, which stay until the end."""
    gc.freeze()
