"""Figures drawn and written, each in several formats."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from netsculpt.core.progress import Progress, silent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from netsculpt.plots.style import Width

__all__ = ["STAGE", "Drawing", "write_drawings"]

Drawing = tuple[str, float, Callable[["Figure"], object]]  # name, height ÷ width, what draws it

STAGE: Final = "drawing figures"


def write_drawings(
    drawings: Collection[Drawing],
    folder: Path,
    formats: Sequence[str],
    width: Width,
    *,
    progress: Progress | None = None,
) -> None:
    """Draw figures for a column of a width, and write each in every format (pdf, png, svg)."""
    if not formats:
        return
    from netsculpt.plots import style

    report = progress or silent
    folder.mkdir(parents=True, exist_ok=True)
    report(STAGE, 0, len(drawings))
    for done, (name, aspect, draw) in enumerate(drawings, start=1):
        with style.paper(width):
            figure = style.figure(width, aspect)
            draw(figure)
            style.laid_out(figure)
            for ending in formats:
                style.write_figure(figure, folder / f"{name}.{ending}")
        report(STAGE, done, len(drawings))
