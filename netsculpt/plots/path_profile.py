"""How the paths are shared out among the units of each layer."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.errors import GraphError
from netsculpt.graph.graph import NetGraph
from netsculpt.plots._drawing.axes import (
    given_or_new,
    label_layers,
    size_in_points,
    text_width,
    tick_size,
)
from netsculpt.plots._drawing.colours import GREY, module_colours

__all__ = ["path_profile"]

_SLOT = 0.8  # of the distance between two layers
_MOST_DOTS = 60
_DEEPEST = 1e-8
_WIDE = 100.0  # largest over least positive share from which the axis is logarithmic


def path_profile(graph: NetGraph, path_share: ArrayLike, *, ax: Axes | None = None) -> Axes:
    """Draw each layer's units by their share of the paths, largest first.

    Within its layer's slot a unit's place is its rank, so that layers of every width compare: a
    level row says that all units carry alike, a steep one that a few carry most. Layers of up to
    60 units are dots, wider ones a filled curve. The grey bar is the layer's mean. The axis is
    logarithmic where positive shares span a factor of 100, and then begins at 10⁻⁸ of the largest
    at most; units below its beginning, as those at 0, are counted above their layer.

    Parameters
    ----------
    graph
        Only its layers are used.
    path_share
        Share of all paths through each unit [U], 0 … 1, pattern or magnitude.
    ax
        Axes to draw into (default: those of a new figure).

    Returns
    -------
    Axes
        `ax`; layer i stands at x = i.

    Raises
    ------
    GraphError
        If there is not one value a unit.

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.ones((2, 2)), np.ones((1, 2))])
    >>> path_profile(graph, [0.5, 0.5, 0.5, 0.5, 1.0]).get_yscale()
    'linear'
    """
    share = np.asarray(path_share, dtype=np.float64)
    if share.shape != (graph.n_units,):
        raise GraphError(f"shares have shape {list(share.shape)}, [{graph.n_units}] is needed")
    ax = given_or_new(ax)
    positive = share[share > 0]
    logarithmic = positive.size > 0 and positive.max() > _WIDE * positive.min()
    largest = float(positive.max(initial=0.0)) or 1.0
    bottom = max(float(positive.min()) / 2, _DEEPEST * largest) if logarithmic else 0.0
    if logarithmic:
        ax.set_yscale("log")
        ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_ylim(bottom, largest * (2.0 if logarithmic else 1.06))
    ax.set_xlim(-0.5, len(graph.layers) - 0.5)
    for at, layer in enumerate(graph.layers):
        _layer(ax, at, share[layer.units], bottom)
    ax.set_ylabel("share of paths")
    label_layers(ax, graph.layers)
    _count_hidden(ax, [int((share[x.units] < bottom).sum()) for x in graph.layers])
    return ax


def _layer(ax: Axes, at: int, share: NDArray[np.float64], bottom: float) -> None:
    n = share.size
    if n == 0:
        return
    ranked = np.sort(share)[::-1]
    place = at + _SLOT * ((np.arange(n) + 0.5) / n - 0.5)
    drawn = ranked >= bottom
    colour = module_colours([0])[0]
    ends = at - _SLOT / 2, at + _SLOT / 2
    if share.mean() > 0:
        ax.hlines(share.mean(), *ends, color=GREY, linewidth=0.8, zorder=1)
    if n > _MOST_DOTS:
        ax.fill_between(
            place[drawn], bottom, ranked[drawn], color=colour, alpha=0.25, linewidth=0, zorder=2
        )
        ax.plot(place[drawn], ranked[drawn], color=colour, zorder=3)
    else:
        ax.scatter(place[drawn], ranked[drawn], s=6, color=colour, linewidth=0, zorder=3)


def _count_hidden(ax: Axes, counts: list[int]) -> None:
    """How many units of each layer lie below the axes; upright where there is no room for that."""
    size, room = tick_size(ax), size_in_points(ax)[0] / len(counts)
    level = text_width(f"{max(counts, default=0):,} below ", size) <= room
    for at, count in enumerate(counts):
        if count:
            ax.annotate(
                f"{count:,} below",
                (at, 1.0),
                xycoords=ax.get_xaxis_transform(),
                xytext=(0, 1),
                textcoords="offset points",
                ha="center",
                va="bottom",
                rotation=0 if level else 90,
                size=size,
                color=GREY,
            )
