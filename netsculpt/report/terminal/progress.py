"""Progress on stderr: bars in a terminal, lines elsewhere, nothing if the command is quiet."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from netsculpt.core.progress import Progress, silent
from netsculpt.report.terminal.loudness import loudness
from netsculpt.report.terminal.progress_lines import remaining_lines, time_lines, together

__all__ = ["shown_progress"]


@contextmanager
def shown_progress(*others: Progress, every: float = 30.0) -> Iterator[Progress]:
    """Yield a callback that shows how far each stage has come.

    Not in a terminal it prints a line every so many seconds, and calls `others` first. If verbose,
    it says of each stage how long it took instead of that. If quiet, it does nothing.
    """
    if loudness() == "quiet":
        yield silent
        return
    is_verbose = loudness() == "verbose"
    if sys.stderr is None or not sys.stderr.isatty():
        lines = [time_lines()] if is_verbose else others
        yield together(*lines, remaining_lines(every))
        return
    from rich import progress as rich
    from rich.console import Console

    columns = (
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TimeRemainingColumn(),
    )
    with rich.Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, rich.TaskID] = {}

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total, completed=done)
            bars.update(tasks[stage], completed=done, total=total)

        yield together(progress, time_lines()) if is_verbose else progress
