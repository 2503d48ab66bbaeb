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


@contextmanager
def _plain_fonts() -> Iterator[None]:
    """Fonts that matplotlib embeds are read without these tables; it offers no option for that."""
    whole = subset.load_font

    def plain(*arguments: Any, **options: Any) -> Any:
        font = whole(*arguments, **options)
        for table in _OF_TYPESETTING:
            if table in font:
                del font[table]
        return font

    subset.load_font = plain
    try:
        yield
    finally:
        subset.load_font = whole
