"""What accuracy costs in weights, over the rounds of one net or of several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from netsculpt.core.errors import GraphError
from netsculpt.plots._drawing.axes import axes_or_new, legend_below, say_above, shorten
from netsculpt.plots._drawing.colours import module_colours

if TYPE_CHECKING:
    from netsculpt.training.history import History

__all__ = ["accuracy_vs_density"]

_STYLES: Final = ("-", "--", ":", "-.")
_WIDE: Final = 3.0  # largest over least density from which the axis is logarithmic
_DECADES: Final = 100.0  # the same, from which only powers of ten are named
_MOST: Final = 12  # nets that are named
_LONGEST: Final = 20


def accuracy_vs_density(histories: Mapping[str, History], *, ax: Axes | None = None) -> Axes:
    """Draw held-out accuracy against density, a line for each net, from dense on the left.

    Rounds that were undone are left out. The dot is where a net ended. More than twelve nets have
    one colour, and no names.

    Parameters
    ----------
    histories
        Of `netsculpt.training.history`, by the names of the nets.

    Raises
    ------
    GraphError
        If there is none, or none of which accuracy was measured.

    Examples
    --------
    >>> from netsculpt.training.history import History, Point
    >>> points = [Point(n, "", False, True, 1 / n, 0.1, 1.0, 0.1, 0.9) for n in (1, 2, 4)]
    >>> ax = accuracy_vs_density({"a": History("round", tuple(points))})
    >>> ax.lines[0].get_xdata().tolist(), ax.get_xscale()
    ([1.0, 0.5, 0.25], 'log')
    """
    curves = {name: _curve(history) for name, history in histories.items()}
    curves = {name: curve for name, curve in curves.items() if curve.size}
    if not curves:
        raise GraphError("no accuracy was measured: histories with held-out accuracy are needed")
    ax = axes_or_new(ax)
    many = len(curves) > _MOST
    colours = module_colours([0] * len(curves) if many else range(len(curves)))
    for index, ((name, curve), colour) in enumerate(zip(curves.items(), colours, strict=True)):
        ax.plot(
            *curve.T,
            color=tuple(colour),
            alpha=0.5 if many else 1.0,
            linestyle="-" if many else _STYLES[index % len(_STYLES)],
            linewidth=0.7 if many else 1.0,
            label=shorten(name, _LONGEST),
        )
        ax.plot(*curve[-1], color=tuple(colour), marker="o", markersize=3, linestyle="none")
    shown = np.concatenate([curve[:, 0] for curve in curves.values()])
    if shown.min() > 0 and shown.max() > _WIDE * shown.min():
        ax.set_xscale("log")
        subs = (1.0,) if shown.max() > _DECADES * shown.min() else (1.0, 2.0, 5.0)
        ax.xaxis.set_major_locator(LogLocator(subs=subs))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_inverted(True)
    ax.set_xlabel("density")
    ax.set_ylabel("held-out accuracy")
    if many:
        say_above(ax, [f"{len(curves)} nets"])
    elif len(curves) > 1:
        handles, labels = ax.get_legend_handles_labels()
        legend_below(ax, handles, labels, narrow=3)
    return ax


def _curve(history: History) -> np.ndarray:
    """Density and accuracy [n, 2] of what was measured and not undone."""
    rows = [(x.density, x.held_out_accuracy) for x in history.points if not x.undone]
    values = np.array(rows, dtype=np.float64).reshape(-1, 2)
    return values[np.isfinite(values).all(axis=1)]
