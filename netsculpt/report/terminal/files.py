"""Which file was written, in the terminal."""

from __future__ import annotations

from pathlib import Path

from netsculpt.report.terminal._style import literal, written

__all__ = ["print_file"]


def print_file(path: Path) -> None:
    """Print where a table or a figure was written."""
    written(path, f"Written to [bold]{literal(path)}[/bold].")
