"""The layers of one network over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from netsculpt.core.errors import GraphError
from netsculpt.plots._drawing.axes import axes_or_new, shorten
from netsculpt.plots._drawing.lines import draw_lines

if TYPE_CHECKING:
    from netsculpt.training.track import Track

__all__ = ["track_layers"]

_MOST_LAYERS = 12
_LONGEST = 20


def track_layers(track: Track, column: str = "density_in", *, ax: Axes | None = None) -> Axes:
    """Draw a number of every layer against the step: its density or its share of live units.

    Parameters
    ----------
    track
        What `netsculpt.training.track.follow` returns.
    column
        "density_in" or "n_live", of which the share of the layer's units is drawn. Layers without
        such a number, as inputs have no density, and those after the first twelve are left out.

    Examples
    --------
    >>> from netsculpt.graph.synthetic import planted
    >>> from netsculpt.training.track import follow
    >>> graph, _ = planted([12, 12, 12], 2, 0.7, 0.05, rng=0)
    >>> track = follow([(0, graph), (10, graph)], n_nulls=0, rng=0)
    >>> len(track_layers(track, "n_live").lines)
    3
    """
    if column not in ("density_in", "n_live"):
        raise GraphError(f"column is {column!r:.80}: density_in or n_live is needed")
    ax = axes_or_new(ax)
    lines: dict[str, np.ndarray] = {}
    for layer in dict.fromkeys(point.layer for point in track.by_layer):
        rows = [point for point in track.by_layer if point.layer == layer]
        if column == "n_live":
            values = [row.n_live / row.n_units if row.n_units else np.nan for row in rows]
        else:
            values = [row.density_in for row in rows]
        if not np.isnan(values).all() and len(lines) < _MOST_LAYERS:
            lines[shorten(layer, _LONGEST)] = np.array(values)
    draw_lines(ax, np.array(track.steps), lines)
    ax.set_ylabel("density" if column == "density_in" else "live units")
    return ax
