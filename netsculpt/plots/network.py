"""The network: layers from left to right, modules in hulls, edges by weight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from netsculpt.core.errors import GraphError
from netsculpt.graph.graph import NetGraph, live_units
from netsculpt.graph.partition import NO_MODULE, Partition
from netsculpt.modules.verdict import Verdict
from netsculpt.plots._drawing.axes import (
    axes_or_new,
    bare,
    checked_labels,
    size_in_points,
)
from netsculpt.plots._drawing.colours import (
    GREY,
    INK,
    module_colours,
    rings,
)
from netsculpt.plots._drawing.edges import (
    MOST_LINES,
    SKIP_ROOM,
    draw_density,
    edge_lines,
    skips_layers,
    strongest,
)
from netsculpt.plots._drawing.functions import (
    Marks,
    legible,
    mark_legend,
    marks_of,
    unit_marks,
)
from netsculpt.plots._drawing.hulls import NUMBER_WIDTH, hulls
from netsculpt.plots._drawing.layer_names import layer_names, write_names
from netsculpt.plots._drawing.network_key import cautions, dropped, hollow_units, write_key
from netsculpt.plots._drawing.worth import MUTED, is_muted
from netsculpt.plots.layouts.columns import in_columns
from netsculpt.plots.layouts.layered import Layout, layered

__all__ = ["network"]

_MARGIN = 3.0  # points
_MOST_DRAWN = 5000  # units drawn as shapes; more are rasterised
_PALE = 0.88  # grey of units whose module no run agrees on


def network(
    graph: NetGraph,
    *,
    partition: Partition | None = None,
    confidence: NDArray[np.float64] | None = None,
    verdict: Verdict | None = None,
    ax: Axes | None = None,
) -> Axes:
    r"""Draw a network as a layered DAG, its modules in coloured hulls.

    Layers are columns, inputs on the left; a wide layer is packed into several columns of dots.
    Parallel layers, such as the branches of a residual block, share a column. Modules keep one
    order from top to bottom in all layers, and units inside a module are placed to reduce
    crossings. A hull encloses a module's units in a run of adjacent layers; units without a module
    are hollow, and without a partition those on no path from an input to an output; a legend says
    which. What ``graph.live()`` has left out is counted above. An edge is
    wider and darker the larger its |weight| among those between the same two layers; negative
    weights are rust-red. Where some weights have signs, norms of kernels, which have none, are
    violet. Wiring, which has no weight, is pale, and edges that skip a layer are curved.

    If the graph has the attribute "activation" and no more than 200 units, units other than inputs
    carry a small curve, or a letter, of the function that they apply. Dots too small for one have
    none; if those are more than half, nothing has.

    More than 2,000 edges are drawn as a picture of their density, at 220 dots per inch, in which
    each counts by its weight; more than 5,000 units are rasterised too. Of more than 100,000 edges,
    the strongest of each pair of connected layers are drawn: every pair gets an equal number, and
    what a small pair does not need goes to the others. The plot then
    says how many it shows. Data coordinates are points on paper, y downwards, and the size of the
    units follows from the size of the axes: set that first.

    Parameters
    ----------
    graph
        Weights are used as given (sign and magnitude). Cost O(E log E).
    partition
        Modules of its units. Without it, all units look alike.
    confidence
        How sure the module of each unit is [U], 0 … 1, NaN for units without one; for example
        ``consensus(…).confidence_in(partition)``. For modules that are not the same in every run:
        units pale with it, hulls are dashed and empty, and the plot says so.
    verdict
        What the modules are worth, as `netsculpt.modules.verdict` judges them. It is written above;
        unless they are "modular", hulls are dashed and empty, and all units pale if there is no
        `confidence`.

    Raises
    ------
    GraphError
        If `partition` or `confidence` is not of the graph's units.

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.eye(4), np.ones((1, 4))])
    >>> ax = network(graph, partition=Partition([0, 0, 1, 1, 0, 0, 1, 1, -1]))
    >>> [text.get_text() for text in ax.get_xticklabels()]
    ['input\n4', 'hidden1\n4', 'output\n1']
    """
    labels = checked_labels(graph, partition)
    sure = _checked_confidence(graph, confidence)
    if sure is None and partition is not None and is_muted(verdict):
        sure = np.full(graph.n_units, MUTED)
    notes = [*cautions(verdict, pales=confidence is not None), *dropped(graph)]
    hollow = hollow_units(graph, labels, has_modules=partition is not None)
    columns = in_columns(graph)
    labels, layer = labels[columns.unit], graph.layer_of[columns.unit]
    sure = None if sure is None else sure[columns.unit]
    marks = marks_of(graph)
    if marks is not None:
        marks = replace(marks, kind=marks.kind[columns.unit])
    graph = columns.graph
    ax = axes_or_new(ax)
    bare(ax)
    shown = strongest(graph)
    n_lines = write_key(ax, columns, shown, notes, hollow)
    ax.set_xlim(-0.3, len(graph.layers) - 0.7)
    names = layer_names(ax, graph.layers)  # before measuring: labels take room
    left = _MARGIN if partition is None else _MARGIN + NUMBER_WIDTH
    together = np.where(labels < 0, -1 - layer, labels)  # keeps layers of one column apart

    def placed() -> tuple[Layout, float, float, float]:
        width, height = size_in_points(ax)
        side = _MARGIN + (SKIP_ROOM * height if skips_layers(graph) else 0.0)
        layout = layered(graph, together, width - left - _MARGIN, height - 2 * side)
        return layout, width, height, side

    layout, width, height, side = placed()
    marks = None if marks is None else legible(marks, layout.diameter[graph.layer_of])
    if marks is not None:
        mark_legend(ax, marks, n_lines)
        layout, width, height, side = placed()  # the legend takes room
    ax.set(xlim=(-left, width - left), ylim=(height - side, -side))
    write_names(ax, names, layout.column)
    hulls(ax, layout, soft=sure is not None)
    if shown.size <= MOST_LINES:
        ax.add_collection(edge_lines(columns, layout, shown), autolim=False)
    else:
        draw_density(ax, columns, layout, shown)
    _units(ax, graph, layout, labels if partition is not None else None, sure, marks)
    return ax


def _checked_confidence(
    graph: NetGraph, confidence: NDArray[np.float64] | None
) -> NDArray[np.float64] | None:
    """Confidence of each unit [U], 0 for units without one."""
    if confidence is None:
        return None
    if confidence.shape != (graph.n_units,):
        raise GraphError(
            f"confidence is {list(confidence.shape)}: one number for each of the {graph.n_units} "
            "units of the graph is needed"
        )
    return np.clip(np.nan_to_num(confidence), 0.0, 1.0)


def _units(
    ax: Axes,
    graph: NetGraph,
    layout: Layout,
    labels: NDArray[np.integer] | None,
    sure: NDArray[np.float64] | None,
    marks: Marks | None,
) -> None:
    """Draw dots in the colours of their modules, paler if less sure; without a module, hollow.

    On them are the marks of their functions, if there are any.
    """
    diameter = layout.diameter[graph.layer_of]
    rim: NDArray[np.float64] | list[str]
    if labels is None:
        live = live_units(graph)
        colours = np.where(live[:, None], to_rgb(INK), 1.0)
        rim = ["white" if x else GREY for x in live.tolist()]
    else:
        colours, rim = module_colours(labels), rings(labels)
        if sure is not None:
            colours = colours * sure[:, None] + _PALE * (1 - sure[:, None])
            colours[labels == NO_MODULE] = 1.0
    ax.add_collection(
        EllipseCollection(
            diameter,
            diameter,
            np.zeros(graph.n_units),
            units="y",
            offsets=np.column_stack([layout.x, layout.y]),
            offset_transform=ax.transData,
            facecolors=colours,
            edgecolors=rim,
            linewidths=np.clip(0.08 * diameter, 0.1, 0.5),
            zorder=2,
            gid="units",
            rasterized=graph.n_units > _MOST_DRAWN,
        ),
        autolim=False,
    )
    if marks is not None:
        unit_marks(ax, marks, layout, diameter, colours)
