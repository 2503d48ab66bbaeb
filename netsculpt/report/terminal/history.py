"""Where it says what happened to a net."""

from __future__ import annotations

from pathlib import Path

from netsculpt.core.folders import MASKS
from netsculpt.report.terminal._style import console, literal

__all__ = ["print_history"]


def print_history(folder: Path) -> None:
    """Print where the history of a net was written, and what follows its masks."""
    path = literal(folder)
    follow = f"; follow the masks with: netsculpt track {path}"
    console().print(
        f"What happened on the way is in [bold]{path}[/bold]"
        f"{follow if folder.joinpath(MASKS).exists() else ''}",
        soft_wrap=True,
    )
