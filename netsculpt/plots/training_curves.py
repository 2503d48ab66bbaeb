"""How a training, a pruning or a sculpting went: loss or accuracy, and where masks changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullFormatter

from netsculpt.core.errors import GraphError
from netsculpt.plots._drawing.axes import axes_or_new, legend_below
from netsculpt.plots._drawing.colours import GREY, INK, module_colours

if TYPE_CHECKING:
    from netsculpt.training.history import History

__all__ = ["training_curves"]

_TRAIN, _HELD_OUT = (tuple(row) for row in module_colours([1, 0]))
_WIDE: Final = 100.0  # largest over least loss from which the axis is logarithmic
_MOST_MARKED: Final = 30  # points


def training_curves(
    history: History, measure: Literal["accuracy", "loss"] = "accuracy", *, ax: Axes | None = None
) -> Axes:
    """Draw accuracy or loss, in training and held out, over epochs or rounds.

    The ticks inside the lower edge are at the points where weights were pruned or moved. Rounds of
    a sculpting that were undone are crosses, and the lines pass them by. The axis of losses is
    logarithmic if they span a factor of 100.

    Parameters
    ----------
    history
        Of `netsculpt.training.history`; something must have been measured.
    measure
        "accuracy" or "loss".

    Raises
    ------
    GraphError
        If the history has no such number.

    Examples
    --------
    >>> from netsculpt.training.history import History, Point
    >>> points = [Point(n, "", False, n == 2, 1.0, 1 / n, 0.5, 2 / n, 0.4) for n in (1, 2)]
    >>> ax = training_curves(History("epoch", tuple(points)), "loss")
    >>> ax.get_xlabel(), [line.get_label() for line in ax.lines[:2]]
    ('epoch', ['training', 'held out'])
    """
    if measure not in ("accuracy", "loss"):
        raise GraphError(f"measure is {measure!r:.80}: accuracy or loss is needed")
    points = history.points
    steps = np.array([point.step for point in points])
    undone = np.array([point.undone for point in points])
    lines = {
        "training": (np.array([getattr(x, f"train_{measure}") for x in points]), _TRAIN),
        "held out": (np.array([getattr(x, f"held_out_{measure}") for x in points]), _HELD_OUT),
    }
    if all(np.isnan(values).all() for values, _ in lines.values()):
        raise GraphError(f"the history has no {measure}: name samples to measure on")
    ax = axes_or_new(ax)
    marked = "." if (~undone).sum() <= _MOST_MARKED else ""
    styles = ("--", "-")  # they may coincide
    for (label, (values, colour)), style in zip(lines.items(), styles, strict=True):
        look: dict[str, Any] = {"color": colour, "marker": marked, "markersize": 3}
        ax.plot(steps[~undone], values[~undone], label=label, linestyle=style, **look)
    if undone.any():
        look = {"color": GREY, "marker": "x", "markersize": 3, "linestyle": "none"}
        ax.plot(steps[undone], lines["held out"][0][undone], label="undone, held out", **look)
    _scale(ax, measure, np.concatenate([values for values, _ in lines.values()]))
    changed = steps[[point.changed for point in points]]
    if changed.size:
        ax.plot(
            changed,
            np.zeros(changed.size),
            transform=ax.get_xaxis_transform(),
            color=INK,
            marker=2,  # a tick upwards
            markersize=4,
            markeredgewidth=0.6,
            linestyle="none",
            label="pruned" if history.kind == "round" else "masks changed",
        )
    ax.set_xlabel(history.kind)
    ax.set_ylabel(measure)
    ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
    legend_below(ax, *ax.get_legend_handles_labels(), narrow=2)
    return ax


def _scale(ax: Axes, measure: str, values: np.ndarray) -> None:
    shown = values[np.isfinite(values)]
    if measure == "accuracy":
        margin = 0.05 * max(float(np.ptp(shown)), 0.02)
        ax.set_ylim(float(shown.min()) - 2 * margin, min(float(shown.max()) + margin, 1.01))
    elif shown.min() > 0 and shown.max() > _WIDE * shown.min():
        ax.set_yscale("log")
        ax.yaxis.set_minor_formatter(NullFormatter())
        ax.set_ylim(float(shown.min()) / 2, float(shown.max()) * 1.5)
