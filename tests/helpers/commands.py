"""The command line run inside the test's process: a real process spends seconds on imports."""

from __future__ import annotations

import gc
import io
import signal
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import torch
import typer

from netsculpt.cli import app, main


def build_once() -> None:
    """Let typer build the commands of ``netsculpt`` once, and not for each run of one of them."""
    build = typer.main.get_command
    commands = cache(lambda: build(app))
    typer.main.get_command = lambda given: commands() if given is app else build(given)


@dataclass(frozen=True)
class Run:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


def cli(*arguments: object, cwd: Path | None = None, columns: int | None = 100) -> Run:
    """Run ``netsculpt`` with these arguments, and undo what it does to this process.

    Without `columns` nothing says how wide the lines may be, as in a pipe.
    """
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")
    before = gc.get_threshold(), signal.getsignal(signal.SIGINT), torch.get_num_threads()
    with (
        pytest.MonkeyPatch.context() as patch,
        chdir(cwd or Path()),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        patch.setattr(sys, "argv", ["netsculpt", *map(str, arguments)])
        if columns is None:
            patch.delenv("COLUMNS", raising=False)
        else:
            patch.setenv("COLUMNS", str(columns))
        patch.setenv("NO_COLOR", "1")
        try:
            with pytest.raises(SystemExit) as stop:
                main()
        finally:
            gc.set_threshold(*before[0])
            signal.signal(signal.SIGINT, before[1])
            torch.set_num_threads(before[2])
    code = stop.value.code
    assert code is None or isinstance(code, int), code
    texts = (stream.seek(0) or stream.read() for stream in (out, err))
    return Run(code or 0, *texts)
