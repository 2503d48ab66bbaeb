"""Work that can be interrupted, and continued with ``--resume``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from netsculpt.cli.messages import complain
from netsculpt.core.progress import Progress
from netsculpt.report.terminal.progress import progress_bars

__all__ = ["refuse_restart", "resumable"]


def refuse_restart(saved: Path, resume: bool) -> None:
    """Raise if there is work to continue, but the command would start again."""
    if saved.exists() and not resume:
        raise typer.BadParameter(
            f"{str(saved)!r} is from an earlier run: continue it with --resume, or write "
            "somewhere else",
            param_hint="-o",
        )


@contextmanager
def resumable(how: str = "repeat the command with --resume") -> Iterator[Progress | None]:
    """Progress bars during the work; after Ctrl-C say how to continue."""
    try:
        with progress_bars() as progress:
            yield progress
    except KeyboardInterrupt:
        complain(f"to continue, {how}")
        raise
