"""A number of every layer, at a few steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter
from numpy.typing import NDArray

from netsculpt.core.errors import GraphError
from netsculpt.graph.graph import Layer
from netsculpt.plots._drawing.axes import (
    axes_or_new,
    lines_that_fit,
    say_above,
    size_in_points,
    tick_size,
)
from netsculpt.plots._drawing.colours import INK, module_colours, shade
from netsculpt.plots._drawing.layer_names import layer_names

if TYPE_CHECKING:
    from netsculpt.training.history import History
    from netsculpt.training.track.result import LayerPoint

__all__ = ["draw_by_layer"]

_MOST_STEPS: Final = 5
_PALEST: Final = 0.65  # how far the first step is mixed with white
_WIDE: Final = 10.0  # largest over least share from which the axis is logarithmic
_MOST_MARKED: Final = 40  # layers


def draw_by_layer(
    history: History, share: Callable[[LayerPoint], float], label: str, ax: Axes | None
) -> Axes:
    """Draw a share of every layer that has one, a line for each of a few steps, the last darkest.

    Layer i of those drawn is at x = i. A share of 0 on a logarithmic axis is a cross at its bottom.
    """
    if not history.by_layer:
        raise GraphError(
            "the history has no layers: they are counted where masks change and are recorded"
        )
    steps = list(dict.fromkeys(point.step for point in history.by_layer))
    rows = {step: [x for x in history.by_layer if x.step == step] for step in steps}
    values = np.array([[share(point) for point in rows[step]] for step in steps])
    known = ~np.isnan(values).all(axis=0)
    values, points = values[:, known], [x for x, y in zip(rows[steps[0]], known, strict=True) if y]
    ax = axes_or_new(ax)
    places = np.arange(len(points))
    ax.set_xlim(-0.5, len(points) - 0.5)
    ends = np.linspace(0, len(steps) - 1, min(_MOST_STEPS, len(steps))).round()
    chosen = np.unique(ends.astype(int))
    bottom = _scale(ax, values[chosen])
    base = module_colours([0])
    for place, index in enumerate(chosen):
        pale = _PALEST * (1 - place / max(len(chosen) - 1, 1))
        row = values[index]
        ax.plot(
            places,
            np.maximum(row, bottom),
            color=tuple(shade(base, 1, pale)[0]),
            marker="o" if len(points) <= _MOST_MARKED else "",
            markersize=2.5,
            linewidth=0.8 + 0.4 * (index == chosen[-1]),
            zorder=2 + place,
        )
    empty = values[chosen[-1]] == 0
    if bottom and empty.any():
        look: dict[str, Any] = {"marker": "x", "markersize": 4, "linestyle": "none"}
        ax.plot(places[empty], np.full(empty.sum(), bottom), color=INK, clip_on=False, **look)
    ax.set_ylabel(label)
    layer_names(ax, _layers(points))
    drawn = ", ".join(f"{steps[index]:,}" for index in chosen)
    notes = [f"{history.kind} {drawn}" + (" (pale to dark)" if chosen.size > 1 else "")]
    notes += ["× is 0"] if bottom and empty.any() else []
    say_above(ax, lines_that_fit(notes, tick_size(ax), size_in_points(ax)[0]))
    return ax


def _scale(ax: Axes, values: NDArray[np.float64]) -> float:
    """The limits of the axis; returns its bottom if it is logarithmic, else 0."""
    positive = values[values > 0]
    if positive.size and positive.max() > _WIDE * positive.min():
        bottom = float(positive.min()) / 2
        ax.set_yscale("log")
        ax.yaxis.set_minor_formatter(NullFormatter())
        ax.set_ylim(bottom, 1.3 * float(positive.max()))
        return bottom
    ax.set_ylim(0, 1.05 * float(positive.max(initial=0.0)) or 1.0)
    return 0.0


def _layers(points: Sequence[LayerPoint]) -> list[Layer]:
    """Layers of these names and sizes."""
    stops = np.cumsum([point.n_units for point in points]).tolist()
    return [
        Layer(x.layer, "hidden", (x.n_units,), stop - x.n_units, stop)
        for x, stop in zip(points, stops, strict=True)
    ]
