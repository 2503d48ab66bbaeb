"""The adjacency matrix, with the units of a module next to each other."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, LogLocator, NullLocator, StrMethodFormatter
from numpy.typing import NDArray

from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import NO_MODULE, Partition
from netsculpt.modules.verdict import Verdict
from netsculpt.plots._drawing.axes import (
    LITERAL,
    axes_or_new,
    checked_labels,
    colour_bar,
    lay_out,
    shorten,
    size_in_points,
    tick_size,
)
from netsculpt.plots._drawing.colours import GREY, INK, module_colours, shade
from netsculpt.plots._drawing.layers_of_modules import apart, name_layers
from netsculpt.plots._drawing.worth import DASHED, MUTED, is_muted, say_verdict
from netsculpt.plots.layouts.stages import stages

__all__ = ["adjacency"]

_MOST_CELLS = 400  # per side; with more units than that, units share cells
_BINS = 200
_STRIP = 0.02  # width of the modules' colours along the matrix, as a share of its side
_LONGEST_NAME = 16
_MOST_LAYERS = 12  # named one by one
_CLOSEST = 5.0  # mean distance between lines that separate layers, points


def adjacency(
    graph: NetGraph,
    *,
    partition: Partition | None = None,
    verdict: Verdict | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the adjacency matrix, sources down and targets across, units ordered by module.

    Modules come in ascending order, units without a module last; inside a module, units keep the
    order of their layers. Up to 400 units, every edge is one cell. In larger graphs a cell covers
    several units each way, and its shade is the share of their pairs that are connected
    (logarithmic). Weights are not used (pattern).

    Thin lines separate modules, short ones at the diagonal separate the layers inside a module, if
    the lines are far enough from each other on paper. Names of layers, or of stages of layers,
    stand under brackets below the matrix where there is room for them.
    Coordinates are positions in that order, 0 … U. Cost O(E).

    Parameters
    ----------
    graph
        All stored edges are drawn, those of weight 0 too.
    partition
        Modules of its units. Without it, units keep the order of the layers; lines and names are of
        layers, or of the stages of a network that has more than 12 layers.
    verdict
        What the modules are worth, as `netsculpt.modules.verdict` judges them. It is written above;
        unless they are "modular", their colours are pale and their frames dashed.

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> ax = adjacency(from_matrices([np.eye(2)]), partition=Partition([0, 1, 0, 1]))
    >>> ax.images[0].get_array().filled(0).tolist()
    [[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]]
    """
    labels = checked_labels(graph, partition)
    ax = axes_or_new(ax)
    module = np.where(labels == NO_MODULE, labels.max(initial=NO_MODULE) + 1, labels)
    order = np.lexsort((graph.layer_of, module))
    group = "layer" if partition is None else "module"
    ax.set(xlabel=f"target unit, by {group}", ylabel=f"source unit, by {group}")
    say_verdict(ax, verdict)
    _cells(ax, graph, order)
    layer_ends = np.flatnonzero(np.diff(graph.layer_of[order])) + 1
    if partition is None:
        bounds, names = _layers(graph)
    else:
        bounds = np.concatenate([[0], np.flatnonzero(np.diff(labels[order])) + 1, [graph.n_units]])
        kept = labels[order][bounds[:-1]]
        names = ["none" if label == NO_MODULE else str(label) for label in kept]
        _modules(ax, bounds, kept, muted=is_muted(verdict))
        _ticks_at_diagonal(ax, bounds, layer_ends)
    _grid(ax, bounds)
    _name_blocks(ax, bounds, names)
    if partition is not None:
        name_layers(ax, graph, order, labels[order])
    lay_out(ax, rounds=6)
    return ax


def _layers(graph: NetGraph) -> tuple[NDArray[np.intp], list[str]]:
    """Where layers, or stages of many layers, begin and end; their names."""
    layers = [layer for layer in graph.layers if layer.n_units]
    groups = [(x.name, x.start) for x in layers]
    if len(layers) > _MOST_LAYERS:
        groups = [(x.name, layers[x.first].start) for x in stages([x.name for x in layers])]
    bounds = np.array([*(start for _, start in groups), graph.n_units], np.intp)
    return bounds, [shorten(name, _LONGEST_NAME) for name, _ in groups]


def _cells(ax: Axes, graph: NetGraph, order: NDArray[np.intp]) -> None:
    """Draw the share of connected pairs in each cell; cells without edges stay white."""
    n = graph.n_units
    n_bins = n if n <= _MOST_CELLS else _BINS
    cell = np.argsort(order) * n_bins // n
    flat = cell[graph.sources] * n_bins + cell[graph.weights.indices]
    edges = np.bincount(flat, minlength=n_bins**2).reshape(n_bins, n_bins)
    units = np.bincount(cell, minlength=n_bins)
    share = np.ma.masked_equal(edges / np.outer(units, units), 0.0)
    binned = n > n_bins and graph.n_edges > 0
    image = ax.imshow(
        share,
        cmap=LinearSegmentedColormap.from_list("ink", ["#C8D2DC", INK]),
        norm=LogNorm(share.min(), share.max()) if binned else Normalize(0.0, 1.0),
        interpolation="nearest",
        extent=(0, n, n, 0),
    )
    if binned:
        bar = colour_bar(ax, image, "share of pairs connected")
        low, high = float(share.min()), float(share.max())
        round_numbers = LogLocator(subs=(1.0, 2.0, 5.0)).tick_values(low, high)
        inside = [float(x) for x in round_numbers if low <= x <= high]
        bar.ax.yaxis.set_major_locator(FixedLocator(inside if len(inside) > 1 else [low, high]))
        bar.ax.yaxis.set_major_formatter(StrMethodFormatter("{x:.2g}"))
        bar.ax.yaxis.set_minor_locator(NullLocator())


def _modules(
    ax: Axes, bounds: NDArray[np.intp], labels: NDArray[np.integer], *, muted: bool
) -> None:
    """Draw each module's colour along both sides and around its block on the diagonal."""
    width = _STRIP * bounds[-1]
    for start, stop, label in zip(bounds[:-1], bounds[1:], labels, strict=True):
        own = module_colours([label])
        if muted:
            own = shade(own, 1.0, MUTED)
        colour = own[0] if label != NO_MODULE else GREY
        size = stop - start
        ax.add_patch(Rectangle((start, -2 * width), size, width, color=colour, linewidth=0))
        ax.add_patch(Rectangle((-2 * width, start), width, size, color=colour, linewidth=0))
        if label != NO_MODULE:
            ax.add_patch(
                Rectangle(
                    (start, start),
                    size,
                    size,
                    fill=False,
                    edgecolor=colour,
                    linewidth=0.8,
                    linestyle=DASHED if muted else "solid",
                    clip_on=False,  # half of the line of the last module is outside the axes
                    gid=f"module {label}",
                )
            )
    ax.set(xlim=(-2 * width, bounds[-1]), ylim=(bounds[-1], -2 * width))


def _ticks_at_diagonal(ax: Axes, bounds: NDArray[np.intp], layer_ends: NDArray[np.intp]) -> None:
    """Separate the layers inside modules, unless the lines would fill a module's box with grey."""
    ends = np.setdiff1d(layer_ends, bounds)
    points = size_in_points(ax)[1] / bounds[-1]  # of one unit
    if points * (bounds[-1] / (ends.size + bounds.size)) < _CLOSEST:
        return
    block = np.searchsorted(bounds, ends)
    first, last = bounds[block - 1], bounds[block]
    across = np.stack([np.column_stack([first, ends]), np.column_stack([last, ends])], axis=1)
    lines = [*across, *across[:, :, ::-1]]
    ax.add_collection(LineCollection(lines, colors=GREY, linewidths=0.3), autolim=False)


def _grid(ax: Axes, bounds: NDArray[np.intp]) -> None:
    inner, n = bounds[1:-1], bounds[-1]
    ax.hlines(inner, 0, n, color=GREY, linewidth=0.3, alpha=0.5)
    ax.vlines(inner, 0, n, color=GREY, linewidth=0.3, alpha=0.5)
    ax.spines[:].set_visible(False)


def _name_blocks(ax: Axes, bounds: NDArray[np.intp], names: list[str]) -> None:
    """Name the blocks on the y axis, large ones first, leaving out names that would touch."""
    size = tick_size(ax)
    needed = 1.2 * size * (1 + 2 * _STRIP) * bounds[-1] / size_in_points(ax)[1]
    middles = (bounds[:-1] + bounds[1:]) / 2
    named = apart(bounds, needed)
    ax.set_xticks([])
    ax.set_yticks(middles[named], [names[block] for block in named], **LITERAL)
    ax.tick_params(axis="y", length=0)
