"""How many edges the units of a network have."""

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from netsculpt.core.counting import counted
from netsculpt.core.errors import GraphError
from netsculpt.graph.graph import NetGraph
from netsculpt.paths.per_unit import in_degree, out_degree
from netsculpt.plots._drawing.axes import (
    axes_or_new,
    legend_below,
    lines_that_fit,
    say_above,
    size_in_points,
    tick_size,
)
from netsculpt.plots._drawing.colours import module_colours

__all__ = ["degree_histogram"]

_WIDE: Final = 30.0  # largest degree from which the axis is logarithmic
_MANY: Final = 100  # units in a bin, the same for counts
_N_BINS: Final = 20


def degree_histogram(graph: NetGraph, *, ax: Axes | None = None) -> Axes:
    """Draw how many units have how many incoming, and how many outgoing, edges.

    Incoming edges are counted of layers that others feed, outgoing ones of layers that feed others.
    Up to a degree of 30 each has its own bin; then bins grow by a factor, on a logarithmic axis,
    and units without an edge are counted above it.

    Parameters
    ----------
    graph
        Only its pattern is used.

    Raises
    ------
    GraphError
        If no layer feeds another.

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.ones((2, 3)), np.ones((1, 2))])
    >>> [bars.get_label() for bars in degree_histogram(graph).patches]
    ['incoming', 'outgoing']
    """
    degrees = {
        "incoming": in_degree(graph)[_units(graph, {x.target for x in graph.blocks})],
        "outgoing": out_degree(graph)[_units(graph, {x.source for x in graph.blocks})],
    }
    if not any(values.size for values in degrees.values()):
        raise GraphError("no layer of the network feeds another: edges are needed")
    ax = axes_or_new(ax)
    largest = max(float(values.max(initial=0)) for values in degrees.values())
    logarithmic = largest > _WIDE
    edges = np.arange(largest + 2) - 0.5
    if logarithmic:
        edges = np.unique(np.geomspace(1, largest + 1, _N_BINS + 1).round()) - 0.5
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
    looks = zip(degrees.items(), module_colours([0, 5]), ("-", "--"), strict=True)
    highest = 0
    for (label, values), colour, style in looks:
        counts = np.histogram(values, edges)[0]
        highest = max(highest, int(counts.max(initial=0)))
        ax.stairs(counts, edges, color=tuple(colour), linestyle=style, label=label)
    if highest > _MANY:
        ax.set_yscale("log")
        ax.yaxis.set_minor_formatter(NullFormatter())
        ax.set_ylim(0.7, 1.5 * highest)
    if not logarithmic:
        ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    ax.set_xlabel("edges of a unit")
    ax.set_ylabel("units")
    legend_below(ax, *ax.get_legend_handles_labels())
    none = {label: int((values == 0).sum()) for label, values in degrees.items()}
    notes = [f"{counted(n, 'unit')} without {label} edges" for label, n in none.items() if n]
    if logarithmic:
        say_above(ax, lines_that_fit(notes, tick_size(ax), size_in_points(ax)[0]))
    return ax


def _units(graph: NetGraph, names: set[str]) -> NDArray[np.bool_]:
    """Which units are in layers of these names [U]."""
    chosen = np.zeros(graph.n_units, dtype=bool)
    for layer in graph.layers:
        chosen[layer.units] = layer.name in names
    return chosen
