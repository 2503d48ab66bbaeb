"""Where the edges of each module lead: a matrix of modules."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgb
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from netsculpt.hierarchy import Flow, Link
from netsculpt.modules.verdict import Verdict
from netsculpt.plots._drawing.axes import (
    axes_or_new,
    colour_bar,
    lines_that_fit,
    size_in_points,
    text_width,
    tick_size,
)
from netsculpt.plots._drawing.colours import GREY, NEGATIVE, shade
from netsculpt.plots._drawing.worth import MUTED, is_muted, say_verdict

__all__ = ["module_flow"]

_MOST_VECTOR_CELLS = 5000
_KEPT = ("no circle", "above chance")
_MEANING = {
    "-": "framed: more than chance",
    "--": "dashed: no more than chance, or untested",
    ":": "dotted: feedback",
}
_PALE_CIVIDIS = LinearSegmentedColormap.from_list(
    "pale cividis", shade(colormaps["cividis"](np.linspace(0.0, 1.0, 256))[:, :3], 1.0, MUTED)
)


def module_flow(
    flow: Flow,
    *,
    links: Iterable[Link] = (),
    verdict: Verdict | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how each module divides what it sends among the modules.

    Rows send, columns receive; a cell is the share of the row's weight, so that a row adds up to 1.
    The diagonal stays inside. Where there is room, cells say it in percent, rounded so that a row
    adds up to 100. A module that sends
    nothing to a module has a grey row. Frames mark the links of a hierarchy: those that carry more
    than chance, dashed those that do not or are untested, dotted its feedback, which would close a
    circle; a line below says so.

    Parameters
    ----------
    flow
        Flow between modules, as `netsculpt.hierarchy.flow` measures it.
    links
        ``Hierarchy.links`` of `netsculpt.hierarchy.ordered`, for the frames.
    verdict
        What the modules are worth, as `netsculpt.modules.verdict` judges them. It is written above;
        unless they are "modular", all colours are pale.

    Examples
    --------
    >>> from netsculpt.graph.partition import Partition
    >>> weight = np.array([[3.0, 1.0], [0.0, 2.0]])
    >>> ax = module_flow(Flow(Partition([0, 1]), weight.astype(int), weight, weight / 6))
    >>> [text.get_text() for text in ax.texts]
    ['75', '25', '0', '100']
    """
    ax = axes_or_new(ax)
    n = len(flow.weight)
    sent = flow.weight.sum(axis=1, keepdims=True)
    share = np.divide(flow.weight, sent, out=np.full((n, n), np.nan), where=sent > 0)
    ax.set_facecolor(GREY)
    ax.spines[:].set_visible(False)
    notes = [] if (sent > 0).all() else ["grey: sends nothing"]
    framed = {link: style for link in links if (style := _frame_style(link))}
    ax.set(xlabel="to module", ylabel="from module")
    say_verdict(ax, verdict)
    notes += [text for style, text in _MEANING.items() if style in framed.values()]
    label = float(ax.xaxis.label.get_fontsize())
    lines = lines_that_fit(notes, label, size_in_points(ax)[0])
    ax.set_xlabel("\n".join(["to module", *lines]))
    ax.set(xlim=(0, max(n, 1)), ylim=(max(n, 1), 0))
    ax.tick_params(length=0)
    if not n:
        ax.set(xticks=[], yticks=[])
        return ax
    largest = float(np.nanmax(share)) if (sent > 0).any() else 1.0
    mesh = ax.pcolormesh(
        share,
        cmap=_PALE_CIVIDIS if is_muted(verdict) else "cividis",
        norm=Normalize(0.0, largest),
        edgecolor="white" if n * n <= _MOST_VECTOR_CELLS else "face",
        linewidth=0.2 if n * n <= _MOST_VECTOR_CELLS else 0.0,
        rasterized=n * n > _MOST_VECTOR_CELLS,
    )
    bar = colour_bar(ax, mesh, "% of the row")
    bar.formatter = FuncFormatter(lambda share, _: f"{100 * share:g}")
    bar.update_ticks()
    size = tick_size(ax)
    width, height = size_in_points(ax)
    _number(ax, n, min(width, height) / n, size)
    small = 0.85 * size
    if text_width("100", small) + 3.0 <= width / n and 1.3 * small <= height / n:
        percent = np.array([_percent(row) for row in share])
        for (row, column), value in np.ndenumerate(share):
            if np.isfinite(value):
                ax.text(
                    column + 0.5,
                    row + 0.5,
                    f"{percent[row, column]:.0f}",
                    size=small,
                    color="black" if is_muted(verdict) or value > 0.5 * largest else "white",
                    ha="center",
                    va="center_baseline",
                )
    inset = 1.0 * n / width, 1.0 * n / height  # of frames, so that neighbours do not cover them
    frame = np.array([to_rgb(NEGATIVE)])
    frame = shade(frame, 1.0, MUTED)[0] if is_muted(verdict) else frame[0]
    for link, style in framed.items():
        ax.add_patch(
            Rectangle(
                (link.target + inset[0], link.source + inset[1]),
                1 - 2 * inset[0],
                1 - 2 * inset[1],
                fill=False,
                edgecolor=frame,
                linewidth=min(1.5, 0.12 * width / n),
                linestyle=style,
                gid=f"link {link.source} {link.target}",
            )
        )
    return ax


def _percent(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Whole percents that add up to 100: those that lose most by rounding down are rounded up.

    >>> _percent(np.array([0.125, 0.125, 0.75])).tolist()
    [13.0, 12.0, 75.0]
    """
    if not np.isfinite(shares).all():
        return shares
    exact = 100 * shares
    whole = np.floor(exact + 1e-9)
    missing = round(100 - float(whole.sum()))
    whole[np.argsort(whole - exact, kind="stable")[:missing]] += 1
    return whole


def _frame_style(link: Link) -> str:
    """The line around a link; "" for one that is left out."""
    if link.verdict == "feedback":
        return ":"
    if link.verdict not in _KEPT:
        return ""
    return "-" if link.evidence == "more than chance" else "--"


def _number(ax: Axes, n: int, room: float, size: float) -> None:
    """Number the modules; of many, every second, fifth or tenth one."""
    needed = max(text_width(str(n - 1), size) + 0.6 * size, 1.25 * size)
    steps = (factor * 10**power for power in range(6) for factor in (1, 2, 5))
    every = next(step for step in steps if step * room >= needed or step >= n)
    numbers = np.arange(0, n, every)
    ax.set_xticks(numbers + 0.5, [str(number) for number in numbers])
    ax.set_yticks(numbers + 0.5, [str(number) for number in numbers])
