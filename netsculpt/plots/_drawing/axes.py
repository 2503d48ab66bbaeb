"""Axes, their size on paper, and their labels."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.registry import BackendFilter, backend_registry
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from matplotlib.ticker import ScalarFormatter
from matplotlib.transforms import ScaledTranslation
from numpy.typing import NDArray

from netsculpt.core.errors import GraphError
from netsculpt.core.printable import printable
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import NO_MODULE, Partition, labels_of
from netsculpt.plots._drawing.colours import GREY

__all__ = [
    "LITERAL",
    "axes_or_new",
    "bare",
    "checked_labels",
    "colour_bar",
    "lay_out",
    "legend_below",
    "lines_that_fit",
    "say_above",
    "shorten",
    "size_in_points",
    "text_width",
    "tick_size",
]

LITERAL: Final[dict[str, Any]] = {"parse_math": False, "usetex": False}  # names may hold $, _ and ^

_BELOW = 4.1  # from the axes to a legend below them, in sizes of the text
_HANDLE = 4.0  # room for a legend's sign and its margins, in sizes of the text


def axes_or_new(ax: Axes | None) -> Axes:
    """`ax`, or the axes of a new figure, which pyplot shows in a notebook or on a display.

    Elsewhere pyplot does not know the figure, so that it need not be closed.
    """
    if ax is not None:
        return ax
    if not _pyplot_shows():
        return Figure(layout="constrained").add_subplot()
    from matplotlib import pyplot

    return pyplot.figure(layout="constrained").add_subplot()


def _pyplot_shows() -> bool:
    """Whether the user has imported pyplot, or is in IPython, with a backend that shows figures."""
    in_ipython = "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None
    if not in_ipython and "matplotlib.pyplot" not in sys.modules:
        return False
    silent = backend_registry.list_builtin(BackendFilter.NON_INTERACTIVE)  # type: ignore[no-untyped-call]
    return mpl.get_backend().lower() not in silent


def bare(ax: Axes) -> None:
    """Remove frame and ticks."""
    ax.spines[:].set_visible(False)
    ax.tick_params(left=False, bottom=False, labelleft=False, labelbottom=False)


def checked_labels(graph: NetGraph, partition: Partition | None) -> NDArray[np.int32]:
    """Module of each unit [U]; −1 everywhere without a partition."""
    if graph.n_units == 0:
        raise GraphError(
            "the graph has no units to draw: at least one is needed; check how it was made"
        )
    if partition is None:
        return np.full(graph.n_units, NO_MODULE, dtype=np.int32)
    return labels_of(graph, partition)


def colour_bar(ax: Axes, shown: ScalarMappable, label: str = "") -> Colorbar:
    """Add a colour bar as tall as the axes, which moves with them."""
    bar = _figure_of(ax).colorbar(shown, cax=ax.inset_axes((1.03, 0.0, 0.03, 1.0)), label=label)
    bar.outline.set_visible(False)
    if isinstance(bar.formatter, ScalarFormatter):  # 3 × 10⁵ rather than 300000
        bar.formatter.set_useMathText(not _are_short(*shown.get_clim()))
        bar.formatter.set_powerlimits((-3, 4))
        bar.update_ticks()
    return bar


def _are_short(low: float, high: float) -> bool:
    """Whether all numbers between two are written without a power of ten or an offset.

    To set them as formulas would take as long as all else in a figure.
    """
    largest = max(abs(low), abs(high))
    return 0.01 <= largest < 10_000 and high - low > 0.01 * largest


def lay_out(ax: Axes, rounds: int = 1) -> None:
    """Run the figure's layout engine, if any; with a fixed aspect it needs several rounds."""
    figure = _figure_of(ax)
    engine = figure.get_layout_engine()
    if engine is not None:
        for _ in range(rounds):
            engine.execute(figure)


def size_in_points(ax: Axes) -> tuple[float, float]:
    """Width and height of the axes on paper, after the figure's layout engine has run."""
    lay_out(ax)
    extent, dpi = ax.get_window_extent(), _figure_of(ax).dpi
    return 72 * extent.width / dpi, 72 * extent.height / dpi


def _figure_of(ax: Axes) -> Figure:
    """The root figure of the axes."""
    figure = ax.get_figure(root=True)
    assert figure is not None  # only removed axes have none
    return figure


def tick_size(ax: Axes) -> float:
    """Size of tick labels in points, in the style with which the axes were made."""
    return float(ax.xaxis.get_major_ticks(1)[0].label1.get_fontsize())


def text_width(text: str, size: float) -> float:
    """Width in points of the widest line."""
    font = FontProperties(size=size)
    return max(
        text_to_path.get_text_width_height_descent(line, font, ismath=False)[0]
        for line in text.split("\n")
    )


def lines_that_fit(parts: Sequence[str], size: float, room: float, joint: str = "; ") -> list[str]:
    """Texts joined into as few lines as fit `room` points; one that is wider alone is wrapped.

    >>> lines_that_fit(["a b", "c"], 8.0, 1000.0)
    ['a b; c']
    """
    lines: list[str] = []
    for part in parts:
        if lines and text_width(f"{lines[-1]}{joint}{part}", size) <= room:
            lines[-1] = f"{lines[-1]}{joint}{part}"
            continue
        if lines:
            lines[-1] += joint.rstrip()
        words = part.split(" ")
        lines.append(words[0])
        for word in words[1:]:
            if text_width(f"{lines[-1]} {word}", size) <= room:
                lines[-1] += f" {word}"
            else:
                lines.append(word)
    return lines


def legend_below(
    ax: Axes, handles: Sequence[Artist], labels: Sequence[str], *, narrow: int = 1
) -> None:
    """A legend below the label of the axis: one row if there is room, else `narrow` columns."""
    size = tick_size(ax)
    wide = sum(text_width(label, size) + _HANDLE * size for label in labels)
    below = ScaledTranslation(0, -_BELOW * size / 72, _figure_of(ax).dpi_scale_trans)
    ax.legend(
        handles,
        labels,
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        bbox_transform=ax.transAxes + below,
        ncols=len(labels) if wide <= size_in_points(ax)[0] else narrow,
        handlelength=1.2,
        fontsize=size,
        borderaxespad=0.0,
    )


def say_above(ax: Axes, lines: Sequence[str], *, n_free: int = 0) -> None:
    """Write small grey lines above the axes, from their left side, over free lines."""
    size = tick_size(ax)
    if lines:
        ax.annotate(
            "\n".join(lines),
            (0.0, 1.0),
            xycoords="axes fraction",
            xytext=(0.0, 4.0 + 1.5 * size * n_free),
            textcoords="offset points",
            size=size,
            color=GREY,
            va="bottom",
            **LITERAL,
        )


def shorten(name: str, longest: int) -> str:
    """Cut the middle of a name; characters that cannot be drawn are escaped."""
    name = printable(name)
    if len(name) <= longest:
        return name
    tail = (longest - 1) * 3 // 5
    head, end = name[: longest - 1 - tail], name[-tail:]
    return f"{head.rstrip('._/')}…{end.lstrip('._/')}"
