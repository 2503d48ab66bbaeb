"""Lines on stderr for work that would be silent for minutes, if it is not a terminal."""

from __future__ import annotations

import sys
from collections.abc import Collection
from time import monotonic

from netsculpt.core.progress import Progress, silent

__all__ = ["progress_lines"]


def progress_lines(stages: Collection[str]) -> Progress:
    """A callback that prints a line when one of these stages begins, and one when it is done.

    Other stages print nothing, nor does a single one. If the reader of stderr goes away, the lines
    stop and the work goes on.
    """
    if len(stages) < 2 or sys.stderr is None:
        return silent
    begun: dict[str, float] = {}
    stages, is_read = set(stages), True

    def progress(stage: str, done: int, total: int) -> None:
        nonlocal is_read
        if stage not in stages or not is_read:
            return
        if done < total:
            begun.setdefault(stage, monotonic())
            text = f"{stage} …"
        else:
            text = f"{stage}: done in {monotonic() - begun.get(stage, monotonic()):.1f} s"
        try:
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()
        except (OSError, ValueError):  # closed by its reader, or by us
            is_read = False

    return progress
