"""Sculpting that can be interrupted: its state is saved after every round."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch

from netsculpt.core.locking import held
from netsculpt.core.progress import Progress
from netsculpt.core.writing import append, remove_log
from netsculpt.files.saved_state import read_state, restoring, write_state
from netsculpt.training.sculpting.process import Process
from netsculpt.training.sculpting.result import Runs
from netsculpt.training.sculpting.stack import Stack

__all__ = ["finish"]

S = TypeVar("S", bound=Stack)


def finish(process: Process[S], path: Path, *, progress: Progress | None = None) -> Runs[S]:
    """Do the remaining rounds and save the state in a file after each.

    Parameters
    ----------
    process
        A new sculpting. If `path` exists, it resumes from there, to the same bits; functions of
        its method are compared by their names.
    path
        The state; it stays when all is done. Next to it a file that ends in .jsonl gets a line
        after every round.
    progress
        Called after every round with its stage, the runs that ended it, and all runs.

    Raises
    ------
    FormatError
        If `path` is not the saved state of this sculpting, or its log is a link.
    BusyError
        If another process has `path` in use.

    Notes
    -----
    Uses one thread: products of such small matrices are no faster on several, and sums would
    depend on their number.
    """
    with held(path), _one_thread():
        about, log = process.about, path.with_suffix(".jsonl")
        state = read_state(path, about)
        if state is None:
            remove_log(log)  # of a run whose state was removed
        else:
            with restoring(path):
                process.restore(state)
        while not process.finished:
            stage, done, runs = process.advance()
            write_state(path, about, process.state())
            line = json.dumps({"stage": stage, "done": done, "runs": runs})
            append(log, f"{line}\n".encode())
            if progress:
                progress(stage, done, runs)
        return process.result()


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
