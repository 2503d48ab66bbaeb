"""Names of layers below a matrix whose units are ordered by module."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from netsculpt.graph.graph import NetGraph
from netsculpt.plots._drawing.axes import lay_out, shorten, size_in_points, text_width, tick_size
from netsculpt.plots._drawing.layer_names import LayerNames, write_names
from netsculpt.plots.layouts.stages import stages

__all__ = ["apart", "name_layers"]

_LONGEST: Final = 14  # characters
_NARROWEST: Final = 2.0  # points, of what has a name
_LINE: Final = 1.2  # from one upright name to the next, in sizes of the text
_LEAST: Final = 0.5  # share of the units whose layer is named: fewer names would tell little
_TALLEST: Final = 0.3  # of upright names, in heights of the matrix
_FILLED: Final = 0.9  # share of a bracket that a level name may take
_GAP: Final = 1.0  # points between brackets
_ROUNDS: Final = 3  # of the layout, which must settle before room is measured
_NONE: Final = LayerNames((), (), ())


@dataclass(frozen=True)
class _Room:
    """What names have to fit, in points."""

    size: float  # of the text
    unit: float  # width of a unit of the network
    tallest: float  # an upright name


def name_layers(
    ax: Axes, graph: NetGraph, order: NDArray[np.intp], modules: NDArray[np.integer]
) -> None:
    """Write below the axes of which layer the units of each module are.

    Unit order[i] is drawn from x = i to i + 1, and modules[i] is its module. Units next to each
    other in one module and layer have a bracket and the layer's name, if there is room for upright
    text; the largest come first. If that leaves out half of the units, stages of layers are named;
    if these leave out half as well, nothing is.
    """
    side = min(size_in_points(ax))  # matrices are square
    tallest = _TALLEST * side
    for _ in range(2):  # names make the axes smaller, so that fewer may fit
        left, right = ax.get_xlim()
        room = _Room(tick_size(ax), side / (right - left), tallest)
        found = (
            _named(names, of_unit[order], modules, room) for names, of_unit in _groupings(graph)
        )
        named, ends = next((each for each in found if each is not None), (_NONE, np.zeros(0)))
        write_names(ax, named, ends)
        lay_out(ax, rounds=_ROUNDS)
        side = min(size_in_points(ax))


def apart(bounds: NDArray[np.intp], needed: float) -> list[int]:
    """Intervals between bounds, large ones first, whose middles are `needed` apart or more.

    >>> apart(np.array([0, 2, 3, 9]), needed=3)
    [2, 0]
    """
    middles = (bounds[:-1] + bounds[1:]) / 2
    kept: list[int] = []
    for one in np.argsort(bounds[:-1] - bounds[1:], kind="stable").tolist():
        if all(abs(middles[one] - middles[other]) >= needed for other in kept):
            kept.append(one)
    return kept


def _groupings(graph: NetGraph) -> Iterator[tuple[list[str], NDArray[np.integer]]]:
    """Names of layers, then of stages, each with that of every unit [U]."""
    names = [layer.name for layer in graph.layers]
    found = stages(names)
    inner = [inner or stage.name for stage in found for inner in stage.inner]
    yield inner if len(set(inner)) == len(names) else names, graph.layer_of
    sizes = [stage.stop - stage.first for stage in found]
    yield [stage.name for stage in found], np.repeat(np.arange(len(found)), sizes)[graph.layer_of]


def _named(
    names: Sequence[str],
    group: NDArray[np.integer],
    modules: NDArray[np.integer],
    room: _Room,
) -> tuple[LayerNames, NDArray[np.float64]] | None:
    """Names of runs of one module and group, and where the brackets end; None if few fit."""
    is_new = (np.diff(group) != 0) | (np.diff(modules) != 0)
    bounds = np.concatenate([[0], np.flatnonzero(is_new) + 1, [group.size]])
    size, points = room.size, room.unit
    kept = sorted(
        run
        for run in apart(bounds, _LINE * size / points)
        if points * (bounds[run + 1] - bounds[run]) >= _NARROWEST
    )
    n_units = np.diff(bounds)[kept]
    if n_units.sum() < _LEAST * group.size:
        return None
    texts = [shorten(names[group[bounds[run]]], _LONGEST) for run in kept]
    widths = np.array([text_width(text, size) for text in texts])
    is_level = bool((widths <= _FILLED * points * n_units).all())
    if not is_level and widths.max() > room.tallest:
        return None
    gap = np.minimum(_GAP / points, 0.5 * n_units) / 2
    starts = bounds[kept]
    ends = np.column_stack([starts + gap, starts + n_units - gap]).ravel()
    spans = tuple((2 * run, 2 * run + 1) for run in range(len(kept)))
    return LayerNames(tuple(texts), spans, (0 if is_level else 90,) * len(kept)), ends
