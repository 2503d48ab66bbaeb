"""How the paths are distributed over the units of each layer."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.counting import counted
from netsculpt.core.errors import GraphError
from netsculpt.graph.graph import NetGraph
from netsculpt.plots._drawing.axes import (
    axes_or_new,
    say_above,
    size_in_points,
    text_width,
    tick_size,
)
from netsculpt.plots._drawing.colours import GREY, module_colours
from netsculpt.plots._drawing.layer_names import layer_names

__all__ = ["path_profile"]

_SLOT = 0.8  # width, as a share of the distance between two layers
_MOST_DOTS = 60
_DEEPEST = 1e-8
_UPRIGHT = 1.25  # width of upright text, in sizes of the text
_WIDE = 100.0  # largest over least positive share from which the axis is logarithmic


def path_profile(graph: NetGraph, path_share: ArrayLike, *, ax: Axes | None = None) -> Axes:
    """Draw each layer's units by their share of the paths, largest first.

    Within a layer's slot a unit's position is its rank, so that layers of every width compare: a
    level row means that all units carry the same share, a steep one that a few carry most. Layers
    of up to 60 units are drawn as dots, wider ones as a filled curve. The grey bar is the layer's
    mean. The axis is logarithmic if positive shares span a factor of 100, and then starts no lower
    than 10⁻⁸ of the largest; the units that it leaves out, at 0 or too low, are counted above their
    layer, or all in one line where layers are too many.
    Layer i is at x = i.

    Parameters
    ----------
    graph
        Only its layers are used.
    path_share
        Share of all paths through each unit [U], 0 … 1, of the pattern or the magnitudes.

    Raises
    ------
    GraphError
        If there is not one value per unit.

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.ones((2, 2)), np.ones((1, 2))])
    >>> path_profile(graph, [0.5, 0.5, 0.5, 0.5, 1.0]).get_yscale()
    'linear'
    """
    share = np.asarray(path_share, dtype=np.float64)
    if share.shape != (graph.n_units,):
        raise GraphError(
            f"path_share has shape {list(share.shape)}: [{graph.n_units}] is needed, one per unit"
        )
    ax = axes_or_new(ax)
    positive = share[share > 0]
    logarithmic = positive.size > 0 and positive.max() > _WIDE * positive.min()
    largest = float(positive.max(initial=0.0)) or 1.0
    bottom = max(float(positive.min()) / 2, _DEEPEST * largest) if logarithmic else 0.0
    if logarithmic:
        ax.set_yscale("log")
        ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_ylim(bottom, largest * (2.0 if logarithmic else 1.06))
    ax.set_xlim(-0.5, len(graph.layers) - 0.5)
    for index, layer in enumerate(graph.layers):
        _layer(ax, index, share[layer.units], bottom)
    ax.set_ylabel("share of paths")
    layer_names(ax, graph.layers)
    below = [share[layer.units][share[layer.units] < bottom] for layer in graph.layers]
    _count_hidden(ax, below, bottom)
    return ax


def _layer(ax: Axes, index: int, share: NDArray[np.float64], bottom: float) -> None:
    n = share.size
    if n == 0:
        return
    ranked = np.sort(share)[::-1]
    position = index + _SLOT * ((np.arange(n) + 0.5) / n - 0.5)
    drawn = ranked >= bottom
    colour = module_colours([0])[0]
    ends = index - _SLOT / 2, index + _SLOT / 2
    if share.mean() > 0:
        ax.hlines(share.mean(), *ends, color=GREY, linewidth=0.8, zorder=1)
    if n > _MOST_DOTS:
        ax.fill_between(
            position[drawn], bottom, ranked[drawn], color=colour, alpha=0.25, linewidth=0, zorder=2
        )
        ax.plot(position[drawn], ranked[drawn], color=colour, zorder=3)
    else:
        ax.scatter(position[drawn], ranked[drawn], s=6, color=colour, linewidth=0, zorder=3)


def _count_hidden(ax: Axes, below: list[NDArray[np.float64]], bottom: float) -> None:
    """Write how many units of each layer are below the axis, upright or only in all if need be."""
    size, room = tick_size(ax), size_in_points(ax)[0] / len(below)
    texts = [_hidden(share, bottom, "units ") for share in below]
    if max(text_width(f"{text} ", size) for text in texts) > room:
        texts = [_hidden(share, bottom) for share in below]
    level = max(text_width(f"{text} ", size) for text in texts) <= room
    if not level and room < _UPRIGHT * size:
        hidden = np.concatenate(below)
        n_layers = sum(bool(text) for text in texts)
        if n_layers:
            where = f" in {counted(n_layers, 'layer')}"
            say_above(ax, [_hidden(hidden, bottom, "units ") + where])
        return
    for index, text in enumerate(texts):
        if text:
            ax.annotate(
                text,
                (index, 1.0),
                xycoords=ax.get_xaxis_transform(),
                xytext=(0, 1),
                textcoords="offset points",
                ha="center",
                va="bottom",
                rotation=0 if level else 90,
                size=size,
                color=GREY,
            )


def _hidden(share: NDArray[np.float64], bottom: float, units: str = "") -> str:
    """How many units have a share of 0, or one too low to draw; "" if there are none."""
    if not share.size:
        return ""
    units = units.replace("units", "unit") if share.size == 1 else units
    where = f"< {bottom:.0e}" if share.any() else "at 0"
    return f"{share.size:,} {units}{where}"
