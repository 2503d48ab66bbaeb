"""Sculpting that survives being killed: its state is saved after every round."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from netsculpt.files.saved_state import read_state, restoring, write_state
from netsculpt.training.sculpting.sculpt import Round, Sculpted, Sculpting

__all__ = ["finish"]


def finish(process: Sculpting, path: Path, *, progress: Round | None = None) -> Sculpted:
    """Do the rounds that are left, with the state in a file after each.

    Parameters
    ----------
    process
        At its beginning. If `path` exists, it goes on from there.
    path
        Where the state is kept; it remains when all is done. A round that was cut off is done
        again, to the same bits. Beside it, ending in .jsonl, a line is written after every round.
    progress
        Told after every round: stage, runs that ended it, runs in all.

    Raises
    ------
    FormatError
        If `path` is not the saved state of this sculpting.

    Notes
    -----
    Computes on one thread: products of so small matrices are no faster on many, and sums would
    depend on their number.
    """
    with _one_thread():
        about = process.about
        state = read_state(path, about)
        if state is not None:
            with restoring(path):
                process.restore(state)
        while not process.finished:
            stage, done, runs = process.advance()
            write_state(path, about, process.state())
            with path.with_suffix(".jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps({"stage": stage, "done": done, "runs": runs}) + "\n")
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
