"""A search that can be interrupted: its state is saved while it goes on."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from netsculpt.core.locking import held
from netsculpt.core.progress import Progress
from netsculpt.files.saved_state import read_state, restoring, write_state
from netsculpt.training.search.result import Searched
from netsculpt.training.search.searching import Searching

__all__ = ["finish"]

_PAUSE: Final = 5.0  # seconds between two saves, where a generation takes less


def finish(searching: Searching, path: Path, *, progress: Progress | None = None) -> Searched:
    """Evaluate the remaining generations, saving the state every few seconds and at the end.

    Parameters
    ----------
    searching
        A new search. If `path` exists, it resumes from there, to the same bytes.
    path
        The state; it stays when all is done, so that a plan of more generations continues it.
    progress
        Called after every generation.

    Raises
    ------
    FormatError
        If `path` is not the saved state of this search.
    BusyError
        If another process has `path` in use.
    """
    with held(path):
        state = read_state(path, searching.about)
        if state is not None:
            with restoring(path):
                searching.restore(state)
        saved = time.monotonic()
        while not searching.finished:
            searching.advance()
            if searching.finished or time.monotonic() - saved > _PAUSE:
                write_state(path, searching.about, searching.state())
                saved = time.monotonic()
            if progress:
                progress("generations", searching.generation, searching.plan.generations)
        return searching.result()
