"""Print style: column widths, embeddable fonts, and reproducible files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import matplotlib.style
from matplotlib.figure import Figure

from netsculpt.core.errors import FormatError
from netsculpt.core.figure_style import WIDTHS, Width
from netsculpt.core.numbers import checked_number
from netsculpt.core.writing import replacing

__all__ = [
    "MODULE_PALETTE",
    "WIDTHS",
    "Width",
    "figure",
    "laid_out",
    "paper",
    "says_verdicts",
    "write_figure",
]

# Okabe & Ito's seven, then one by one the colour whose nearest neighbour (white and greys included)
# is farthest in OKLab, in the worst case of normal, deuteranopic and protanopic vision.
MODULE_PALETTE: Final = (
    *("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442"),
    *("#884466", "#33DDAA", "#223399", "#665500", "#BBCCFF", "#552266", "#5588EE"),
    *("#770000", "#88BB77", "#AA5544", "#AADD77", "#AA4499", "#FFBBCC"),
)

_ASPECT = 0.5  # height over width
_DOTS = 300  # per inch
_TALLEST = 100.0  # the same; a figure taller than that is not a figure of a paper

_AT_WRITING: dict[Any, Any] = {
    "pdf.fonttype": 42,  # TrueType, embedded: publishers reject Type 3
    "ps.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "netsculpt",
}

_WRITTEN_BY: dict[str, dict[str, Any]] = {
    ".pdf": {"backend": "module://netsculpt.plots._drawing.pdf"},
    ".svg": {},
    ".png": {"pil_kwargs": {"compress_level": 2}},  # a third faster than 6, a quarter larger
}

_METADATA: dict[str, dict[str, Any]] = {  # left out: differs from day to day or between machines
    ".pdf": {"CreationDate": None},
    ".svg": {"Date": None},
    ".png": {"Software": None},
}

_SAYS_VERDICTS: ContextVar[bool] = ContextVar("says_verdicts", default=True)


def paper(width: Width = "neurips", *, verdicts: bool = True) -> AbstractContextManager[None]:
    """Matplotlib settings for a figure in a paper, within a ``with`` block.

    The settings start from matplotlib's defaults, not the user's, and the font comes with
    matplotlib, so that a figure looks the same on every machine.

    Parameters
    ----------
    width
        The column: "neurips" (5.5 in), "icml" (3.25 in), "nature" (89 mm) or "nature-double"
        (183 mm). Text is 8 pt for neurips, 7 pt for the others.
    verdicts
        Whether figures of modules say in words what these are worth; without, for a caption of your
        own. Colours and outlines show it anyway.

    Examples
    --------
    >>> with paper("icml"):
    ...     float(figure("icml").get_figwidth())
    3.25
    """
    size = 8.0 if width == "neurips" else 7.0
    inches = _inches(width)
    settings: dict[str, Any] = _AT_WRITING | {
        "font.family": "DejaVu Sans",
        "font.size": size,
        "axes.titlesize": size,
        "axes.labelsize": size,
        "xtick.labelsize": size - 1,
        "ytick.labelsize": size - 1,
        "legend.fontsize": size - 1,
        "axes.linewidth": 0.5,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.linewidth": 0.4,
        "lines.linewidth": 1.0,
        "patch.linewidth": 0.5,
        "hatch.linewidth": 0.4,
        "xtick.major.width": 0.5,
        "ytick.major.width": 0.5,
        "xtick.minor.width": 0.3,
        "ytick.minor.width": 0.3,
        "xtick.major.size": 2.5,
        "ytick.major.size": 2.5,
        "xtick.minor.size": 1.5,
        "ytick.minor.size": 1.5,
        "legend.frameon": False,
        "figure.figsize": (inches, _ASPECT * inches),
        "savefig.dpi": _DOTS,
    }
    return _drawn_with(settings, verdicts)


@contextmanager
def _drawn_with(settings: Mapping[str, Any], verdicts: bool) -> Iterator[None]:
    token = _SAYS_VERDICTS.set(verdicts)
    try:
        with matplotlib.style.context(["default", dict(settings)]):
            yield
    finally:
        _SAYS_VERDICTS.reset(token)


def says_verdicts() -> bool:
    """Whether figures drawn now say in words what modules are worth: see `paper`.

    >>> with paper(verdicts=False):
    ...     says_verdicts()
    False
    """
    return _SAYS_VERDICTS.get()


def figure(width: Width = "neurips", aspect: float = _ASPECT) -> Figure:
    """An empty figure as wide as the column; its height is `aspect` times the width.

    It is not registered with pyplot, so it need not be closed.

    >>> figure("nature", 1.0).get_size_inches().round(2).tolist()
    [3.5, 3.5]
    """
    inches = _inches(width)
    checked_number(aspect, "aspect", above=0, most=_TALLEST)
    return Figure(figsize=(inches, aspect * inches), layout="constrained")


def laid_out(figure: Figure) -> Figure:
    """The figure with its layout computed and fixed, as of 300 dots per inch.

    For figures that are finished and get several files. Matplotlib would lay them out for each file
    again, and draw them twice to do so.

    >>> laid_out(figure()).get_layout_engine() is None
    True
    """
    figure.set_dpi(_DOTS)
    engine = figure.get_layout_engine()
    if engine is not None and figure.axes:
        engine.execute(figure)
    with mpl.rc_context({"figure.autolayout": False, "figure.constrained_layout.use": False}):
        figure.set_layout_engine()
    return figure


def write_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure to a PDF, SVG or PNG file; the same figure gives the same bytes.

    Matplotlib chooses embedded fonts, identifiers and dates when a figure is written, not when it
    is drawn, and a `paper` block has often ended by then.

    Parameters
    ----------
    figure
        Any figure. It is not cropped, so a column keeps its width.
    path
        Ends in .pdf, .svg or .png (300 dots per inch).

    Raises
    ------
    FormatError
        If the file has another extension.
    OutputError
        If it cannot be written.
    """
    kind = Path(path).suffix.lower()
    if kind not in _METADATA:
        raise FormatError(
            f"figure file {Path(path).name!r} ends in {kind!r}: .pdf, .svg or .png is needed"
        )
    with mpl.rc_context({**_AT_WRITING, "savefig.bbox": None}), replacing(path) as file:
        figure.savefig(
            file, format=kind[1:], dpi=_DOTS, metadata=_METADATA[kind], **_WRITTEN_BY[kind]
        )


def _inches(width: Width) -> float:
    if width not in WIDTHS:
        raise ValueError(f"width is {width!r}: one of {', '.join(map(repr, WIDTHS))} is needed")
    return WIDTHS[width]
