"""What is written above a network: what it shows, and what colours mean."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from netsculpt.core.counting import counted
from netsculpt.graph.graph import NetGraph, live_units
from netsculpt.graph.partition import NO_MODULE
from netsculpt.modules.verdict import Verdict
from netsculpt.plots._drawing.axes import (
    lines_that_fit,
    say_above,
    size_in_points,
    text_width,
    tick_size,
)
from netsculpt.plots._drawing.colours import GREY, NEGATIVE, POSITIVE, UNSIGNED, WIRE
from netsculpt.plots._drawing.worth import verdict_words
from netsculpt.plots.layouts.columns import Columns

__all__ = ["cautions", "dropped", "hollow_units", "write_key"]


def cautions(verdict: Verdict | None, *, pales: bool) -> list[str]:
    """What the modules are worth, and what pale units mean."""
    return verdict_words(verdict) + (["a unit pales where runs disagree"] if pales else [])


def dropped(graph: NetGraph) -> list[str]:
    """How many dead units `NetGraph.live` has left out, if the graph comes from there."""
    last = graph.provenance[-1] if graph.provenance else None
    n = last.parameters.get("dropped_units", 0) if last and last.function == "live" else 0
    return [f"not drawn: {counted(n, 'dead unit')}"] if n else []


def hollow_units(graph: NetGraph, labels: NDArray[np.int32], *, has_modules: bool) -> str | None:
    """What the hollow units are, if there are any."""
    dead = ~live_units(graph)
    empty = labels == NO_MODULE if has_modules else dead
    if not empty.any():
        return None
    return "dead" if dead[empty].all() else "no module"


def write_key(
    ax: Axes,
    columns: Columns,
    shown: NDArray[np.intp],
    notes: list[str],
    hollow: str | None,
) -> int:
    """Write above the axes what to know: notes, edges left out, colours if not obvious.

    Returns the number of lines that it takes.
    """
    small, room = tick_size(ax), size_in_points(ax)[0]
    graph = columns.graph
    weights, wired, unsigned = (
        graph.weights.data[shown],
        columns.wiring[shown],
        columns.unsigned[shown],
    )
    signed = ~wired & ~unsigned
    colours = {
        "positive": (POSITIVE, (weights >= 0) & signed),
        "negative": (NEGATIVE, (weights < 0) & signed),
        "kernel (no sign)": (UNSIGNED, unsigned),
        "wiring": (WIRE, wired),
    }
    used = {name: colour for name, (colour, edges) in colours.items() if edges.any()}
    signs = {
        name: Line2D([], [], color=colour, linewidth=1.2)
        for name, colour in used.items()
        if len(used) > 1
    }
    if hollow is not None:
        signs[hollow] = Line2D(
            [], [], color=GREY, marker="o", markersize=0.6 * small, markerfacecolor="white",
            markeredgewidth=0.5, linestyle="none",
        )  # fmt: skip
    lines = lines_that_fit(notes, small, room)
    if shown.size < graph.n_edges:
        lines.append(f"showing {shown.size:,} of {graph.n_edges:,} edges")
    legend = sum(text_width(name, small) + 2.7 * small for name in signs)
    on_one_line = not lines or text_width(lines[-1], small) + legend <= room
    n_free = 0 if on_one_line or not legend else 1
    say_above(ax, lines, n_free=n_free)
    if signs:
        ax.legend(
            list(signs.values()),
            list(signs),
            loc="lower right",
            bbox_to_anchor=(1.0, 1.0),
            ncols=5,
            fontsize=small,
            labelcolor=GREY,
            frameon=False,
            borderpad=0.2,
            borderaxespad=0.1,
            handlelength=1.2,
            handletextpad=0.5,
            columnspacing=1.0,
        )
    return max(len(lines) + n_free, 1 if legend else 0)
