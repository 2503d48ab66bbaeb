"""Marks of the functions that units apply: a small curve in each unit, or a letter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from math import pi
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.legend import Legend
from matplotlib.legend_handler import HandlerPatch
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D, ScaledTranslation
from numpy.typing import NDArray

from netsculpt.graph.attributes import ACTIVATION
from netsculpt.graph.graph import NetGraph
from netsculpt.plots._drawing.axes import shorten, size_in_points, text_width, tick_size
from netsculpt.plots._drawing.colours import GREY, INK, PAPER
from netsculpt.plots.layouts.layered import Layout

__all__ = ["Marks", "legible", "mark_legend", "marks_of", "unit_marks"]

_MOST_MARKED = 200  # units of a graph that shows marks
_LEGIBLE = 4.0  # points: the smallest diameter of a unit with a mark
_MOST_KINDS = 16  # different functions: more than a legend can hold
_WIDTH, _STROKE = 0.33, 0.1  # half width of a mark, and its line, as shares of the diameter
_LONGEST_NAME = 18
_X = np.linspace(-1.0, 1.0, 33)

_CURVES: Final[dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]]] = {
    "identity": lambda x: 0.9 * x,
    "negative": lambda x: -0.9 * x,
    "relu": lambda x: np.maximum(1.7 * x, 0) - 0.75,
    "leaky_relu": lambda x: np.maximum(1.5 * x, 0.35 * x) - 0.5,
    "gelu": lambda x: 1.6 * x / (1 + np.exp(-6 * x)) - 0.7,
    "silu": lambda x: 1.9 * x / (1 + np.exp(-3.2 * x)) - 0.8,
    "elu": lambda x: np.where(x > 0, 1.3 * x, 0.5 * np.expm1(4 * x)) - 0.35,
    "softplus": lambda x: 0.45 * np.logaddexp(0, 4 * x) - 0.9,
    "abs": lambda x: 1.5 * np.abs(x) - 0.75,
    "square": lambda x: 1.6 * x**2 - 0.8,
    "tanh": lambda x: 0.9 * np.tanh(3 * x),
    "gaussian": lambda x: 1.6 * np.exp(-8 * x**2) - 0.8,
    "sin": lambda x: 0.85 * np.sin(pi * x),
    "cos": lambda x: 0.85 * np.cos(2 * pi * x),  # twice as fast: once looks like a gaussian
}  # on −1 … 1, about as high as wide


@dataclass(frozen=True, eq=False)
class Marks:
    """The function of each unit that has a mark, and the marks."""

    names: tuple[str, ...]  # of the functions, in the order of the legend
    paths: tuple[Path, ...]  # of the marks, on −1 … 1, y upwards
    kind: NDArray[np.intp]  # [U] index of each unit's function; −1 without a mark


def marks_of(graph: NetGraph) -> Marks | None:
    """The marks of a graph small enough to show them; None without any.

    Inputs have none, since they apply nothing; nor have units whose function is not known. Curves
    that are not known here are letters.
    """
    column = graph.attributes.get(ACTIVATION)
    if column is None or column.dtype.kind != "U" or graph.n_units > _MOST_MARKED:
        return None
    marked = column != ""
    for layer in graph.layers:
        if layer.role == "input":
            marked[layer.units] = False
    names, kind = np.unique(column[marked], return_inverse=True)
    if not 0 < names.size <= _MOST_KINDS:
        return None
    of_unit = np.full(graph.n_units, -1)
    of_unit[marked] = kind
    letters = map(chr, count(ord("a")))
    paths = tuple(_path(name, letters) for name in names.tolist())
    return Marks(tuple(names.tolist()), paths, of_unit)


def legible(marks: Marks, diameter: NDArray[np.float64]) -> Marks | None:
    """The marks of units whose diameter [U] is large enough; None if most are too small."""
    small = diameter < _LEGIBLE
    marked = marks.kind >= 0
    if 2 * np.count_nonzero(small & marked) > np.count_nonzero(marked):
        return None
    shown = np.unique(marks.kind[marked & ~small])
    number = np.full(len(marks.names) + 1, -1)  # the last is of units without a mark, −1
    number[shown] = np.arange(shown.size)
    return Marks(
        tuple(marks.names[x] for x in shown),
        tuple(marks.paths[x] for x in shown),
        np.where(small, -1, number[marks.kind]),
    )


def unit_marks(
    ax: Axes,
    marks: Marks,
    layout: Layout,
    diameter: NDArray[np.float64],
    faces: NDArray[np.float64],
) -> None:
    """Draw the mark of each unit on its dot of a diameter [U] and a colour [U, 3]."""
    bright = faces @ [0.299, 0.587, 0.114] > 0.6  # as the eye weighs colours
    for kind, path in enumerate(marks.paths):
        for dark, colour in ((False, PAPER), (True, INK)):
            units = np.flatnonzero((marks.kind == kind) & (bright == dark))
            if not units.size:
                continue
            flipped = [
                path.transformed(
                    Affine2D()
                    .scale(_WIDTH * diameter[unit], -_WIDTH * diameter[unit])
                    .translate(layout.x[unit], layout.y[unit])
                )
                for unit in units
            ]
            ax.add_collection(
                PathCollection(
                    flipped,
                    facecolors=colour if _is_letter(path) else "none",
                    edgecolors="none" if _is_letter(path) else colour,
                    linewidths=_STROKE * diameter[units],
                    capstyle="round",
                    joinstyle="round",
                    transform=ax.transData,
                    zorder=3,
                    gid="functions",
                ),
                autolim=False,
            )


def mark_legend(ax: Axes, marks: Marks, n_lines: int) -> None:
    """Write above the axes, over some lines of text, which mark is which function."""
    size, room = tick_size(ax), size_in_points(ax)[0]
    names = [shorten(name, _LONGEST_NAME) for name in marks.names]
    widest = max(text_width(name, size) for name in names) + 2.8 * size
    columns = max(min(int(room / widest), len(names)), 1)
    rows = -(-len(names) // columns)
    columns = -(-len(names) // rows)
    figure = ax.get_figure(root=True)
    assert figure is not None  # only removed axes have none
    above = ScaledTranslation(0.0, (2.0 + 1.5 * size * n_lines) / 72, figure.dpi_scale_trans)
    legend = Legend(
        ax,
        [_line(path, 0.1 * size) for path in marks.paths],
        names,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        bbox_transform=ax.transAxes + above,
        ncols=columns,
        fontsize=size,
        labelcolor=GREY,
        frameon=False,
        borderpad=0.2,
        borderaxespad=0.0,
        handlelength=1.0,
        handletextpad=0.4,
        columnspacing=1.0,
        labelspacing=0.3,
        handler_map={PathPatch: HandlerPatch(patch_func=_in_legend)},
    )
    legend.set_gid("function names")
    for text in legend.get_texts():
        text.set_parse_math(False)
    ax.add_artist(legend)
    legend.set_clip_on(False)  # so that the layout leaves room for it


def _in_legend(
    *, orig_handle: PathPatch, width: float, height: float, fontsize: float, **_: float
) -> PathPatch:
    scale = 0.5 * fontsize
    placed = Affine2D().scale(scale).translate(width / 2, height / 2)
    return PathPatch(placed.transform_path(orig_handle.get_path()))


def _line(path: Path, width: float) -> PathPatch:
    face, edge = (INK, "none") if _is_letter(path) else ("none", INK)
    return PathPatch(
        path, facecolor=face, edgecolor=edge, linewidth=width, capstyle="round", joinstyle="round"
    )


def _is_letter(path: Path) -> bool:
    """Whether a mark is an area, not a line."""
    return path.codes is not None and bool(np.isin(Path.CLOSEPOLY, path.codes))


def _path(name: str, letters: Iterator[str]) -> Path:
    if name in _CURVES:
        return Path(np.column_stack([_X, np.clip(_CURVES[name](_X), -1, 1)]))
    if name == "step":
        return Path(np.array([[-1.0, -0.7], [0.0, -0.7], [0.0, 0.7], [1.0, 0.7]]))
    if name == "sigmoid":  # from a line at 0: tanh has the same curve
        curve = Path(np.column_stack([_X, 0.25 + 0.65 * np.tanh(3 * _X)]))
        return Path.make_compound_path(curve, Path(np.array([[-1.0, -0.85], [1.0, -0.85]])))
    text = TextPath((0.0, 0.0), next(letters), size=2.2)
    box = text.get_extents()
    return Affine2D().translate(-(box.x0 + box.x1) / 2, -(box.y0 + box.y1) / 2).transform_path(text)
