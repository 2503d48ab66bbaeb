"""PDF files of figures, whose fonts have what a PDF shows of them.

A PDF says where each glyph stands, so no viewer reads the tables by which a program that sets text
replaces and moves glyphs. Cutting them to the glyphs of a figure takes longer than all else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Final

from fontTools import subset  # type: ignore[import-untyped]
from matplotlib.backends.backend_pdf import FigureCanvasPdf

__all__ = ["FigureCanvas"]

_OF_TYPESETTING: Final = ("GDEF", "GPOS", "GSUB")


class FigureCanvas(FigureCanvasPdf):
    """What ``savefig`` uses for PDF files."""

    def print_pdf(self, filename: BinaryIO, *, metadata: Any = None, **_: Any) -> None:
        """Write the figure."""
        with _plain_fonts():
            super().print_pdf(filename, metadata=metadata)  # type: ignore[no-untyped-call]


class _Options(subset.Options):  # type: ignore[misc]
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.drop_tables += _OF_TYPESETTING


@contextmanager
def _plain_fonts() -> Iterator[None]:
    """Fonts that matplotlib embeds are cut without these tables; it offers no option for that."""
    before, subset.Options = subset.Options, _Options
    try:
        yield
    finally:
        subset.Options = before
