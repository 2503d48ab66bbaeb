"""Figures drawn and written, each in several formats."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Final

from netsculpt.core.figure_style import FigureStyle
from netsculpt.core.progress import Progress, silent

if TYPE_CHECKING:
    from matplotlib.figure import Figure


__all__ = ["STAGE", "Drawing", "write_drawings"]

Drawing = tuple[str, float, Callable[["Figure"], object]]  # name, height ÷ width, what draws it

STAGE: Final = "drawing figures"


def write_drawings(
    drawings: Collection[Drawing],
    folder: Path,
    figures: FigureStyle,
    *,
    progress: Progress | None = None,
) -> None:
    """Draw figures, and write each in every format of their style."""
    if not figures.formats:
        return
    from netsculpt.plots import style

    report = progress or silent
    folder.mkdir(parents=True, exist_ok=True)
    report(STAGE, 0, len(drawings))
    for done, (name, aspect, draw) in enumerate(drawings, start=1):
        with style.paper(figures.width, verdicts=figures.verdicts):
            figure = style.figure(figures.width, aspect)
            draw(figure)
            style.laid_out(figure)
            for ending in figures.formats:
                style.write_figure(figure, folder / f"{name}.{ending}")
        report(STAGE, done, len(drawings))
