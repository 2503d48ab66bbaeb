"""Hulls of modules: one rounded shape per run of adjacent layers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from netsculpt.plots._drawing.axes import LITERAL
from netsculpt.plots._drawing.colours import module_colours, shade
from netsculpt.plots.layouts.layered import Layout

__all__ = ["NUMBER_WIDTH", "hulls"]

Points = list[tuple[float, float]]

NUMBER_WIDTH = 9.0  # points, to the left of the first layer
_NUMBER_SIZE = 6.0


def hulls(ax: Axes, layout: Layout, *, soft: bool = False) -> None:
    """Draw every module's hulls, and its number to the left of each if there is room.

    Soft hulls are dashed and empty: for modules that are one possibility among others.
    """
    taken: dict[int, list[float]] = {}
    free = _between(layout)
    for run in _runs(layout):
        label, first = int(layout.segment_label[run[0]]), int(layout.segment_layer[run[0]])
        colour = module_colours([label])
        ax.add_patch(
            PathPatch(
                _hull(layout, run),
                facecolor="none" if soft else (*colour[0], 0.16),
                edgecolor=(*shade(colour, 0.0, 0.15)[0], 0.4 if soft else 0.7),
                linewidth=0.5 if soft else 0.6,
                linestyle=(0, (2.0, 2.0)) if soft else "solid",
                zorder=0.5,
                gid=f"module {label}",
            )
        )
        middle = float(layout.low[run[0]] + layout.high[run[0]]) / 2
        others = taken.setdefault(first, [])
        apart = all(abs(middle - other) > 1.2 * _NUMBER_SIZE for other in others)
        if apart and (first == 0 or free[first - 1] > NUMBER_WIDTH):
            others.append(middle)
            left = layout.column[first] - layout.half_width[first] - _padding(layout) - 1.0
            number = ax.text(
                left,
                middle,
                f"{label}",
                size=_NUMBER_SIZE,
                weight="normal" if soft else "bold",
                color=shade(colour, 1.0, 0.3)[0] if soft else shade(colour, 0.0, 0.35)[0],
                ha="right",
                va="center",
                zorder=4,
                **LITERAL,
            )
            number.set_path_effects([withStroke(linewidth=1.5, foreground="white")])


def _runs(layout: Layout) -> Iterator[NDArray[np.intp]]:
    """Segments of one module in adjacent layers, modules ascending."""
    order = np.lexsort((layout.segment_layer, layout.segment_label))
    order = order[layout.segment_label[order] >= 0]
    same = np.diff(layout.segment_label[order]) == 0
    adjacent = np.diff(layout.segment_layer[order]) == 1
    if order.size:
        yield from np.split(order, np.flatnonzero(~(same & adjacent)) + 1)


def _between(layout: Layout) -> NDArray[np.float64]:
    """Free width between adjacent layers [L − 1]."""
    return np.diff(layout.column) - layout.half_width[1:] - layout.half_width[:-1]


def _padding(layout: Layout) -> float:
    return float(min(0.4 * layout.gap, 2.5, 0.25 * _between(layout).min(initial=np.inf)))


def _hull(layout: Layout, run: NDArray[np.intp]) -> Path:
    """Outline: along the top to the right, back along the bottom; rounded at the four corners."""
    padding = _padding(layout)
    layer = layout.segment_layer[run]
    left = layout.column[layer] - layout.half_width[layer] - padding
    right = layout.column[layer] + layout.half_width[layer] + padding
    top, bottom = layout.low[run] - padding, layout.high[run] + padding
    first = float(min((right - left)[0], (bottom - top)[0], 2 * (2.0 + padding))) / 2
    last = float(min((right - left)[-1], (bottom - top)[-1], 2 * (2.0 + padding))) / 2
    forth = _side(left, right, top, first, last)
    back = _side(-right[::-1], -left[::-1], bottom[::-1], last, first)
    points: Points = [
        *forth,
        (right[-1], top[-1]),
        (right[-1], top[-1] + last),
        (right[-1], bottom[-1] - last),
        (right[-1], bottom[-1]),
        *((-x, y) for x, y in back),
        (left[0], bottom[0]),
        (left[0], bottom[0] - first),
        (left[0], top[0] + first),
        (left[0], top[0]),
        forth[0],
    ]
    side = [Path.LINETO, *[Path.CURVE4] * 3] * (run.size - 1) + [Path.LINETO]
    end = [Path.CURVE3, Path.CURVE3, Path.LINETO, Path.CURVE3, Path.CURVE3]
    return Path(points, [Path.MOVETO, *side, *end, *side, *end[:-1], Path.CURVE3])


def _side(
    left: NDArray[np.float64],
    right: NDArray[np.float64],
    height: NDArray[np.float64],
    first: float,
    last: float,
) -> Points:
    """From left to right: level along each layer's band, an S-curve between bands."""
    points: Points = [(left[0] + first, height[0])]
    for i in range(left.size - 1):
        middle = (right[i] + left[i + 1]) / 2
        points += [
            (right[i], height[i]),
            (middle, height[i]),
            (middle, height[i + 1]),
            (left[i + 1], height[i + 1]),
        ]
    return [*points, (right[-1] - last, height[-1])]
