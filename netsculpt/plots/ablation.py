"""What the loss is without each weight, against the size of the weight."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from numpy.typing import NDArray

from netsculpt.plots._drawing.axes import LITERAL, axes_or_new, legend_below, shorten
from netsculpt.plots._drawing.colours import INK, module_colours

if TYPE_CHECKING:
    from netsculpt.training.importance.result import Importance

__all__ = ["ablation"]

_MOST_VECTOR_POINTS = 2000
_LONGEST_LEGEND, _LONGEST_NAME = 8, 20  # layers, letters
_MARGIN = 0.05  # of an axis, on either side of the outermost points
_LABEL_PAD = 1  # points: numbers with exponents are tall, and the legend is below
_ALONE = 0.5  # decades on either side of a single size
_WORDS = {"train": "training samples", "held_out": "held-out samples"}


def ablation(found: Importance, *, data: str = "held_out", ax: Axes | None = None) -> Axes:
    """Draw the change of the loss without each weight against the weight's size, by layer.

    Changes are on a scale that is linear near 0 and logarithmic beyond; weights without which
    nothing changes are left out, and counted in the title. The axes are the same for both kinds of
    samples.

    Parameters
    ----------
    found
        The result of `netsculpt.training.importance.importance`.
    data
        "train" or "held_out".
    """
    ax = axes_or_new(ax)
    size, change = np.abs(found.weights), found.changes[data]
    some = found.matters(data) & (size > 0)
    ax.axhline(0, color=INK, linewidth=0.5)
    ax.set_xlabel("size of the weight", labelpad=_LABEL_PAD)
    ax.set_ylabel("change of the loss without it")
    ax.set_title(
        f"{_WORDS[data]}\n{1 - found.matters(data).mean():.0%} of the weights change nothing"
    )
    _scale(found, ax)
    many = int(some.sum()) > _MOST_VECTOR_POINTS
    for number, name in enumerate(found.places.parameters):
        own = some & (found.places.parameter == number)
        ax.scatter(
            *(size[own], change[own]),
            s=3,
            c=module_colours([number]),
            alpha=0.5,
            linewidth=0,
            label=shorten(name, _LONGEST_NAME),
            rasterized=many,
        )
    if len(found.places.parameters) <= _LONGEST_LEGEND:
        legend_below(ax, *ax.get_legend_handles_labels(), narrow=2)
        legend = ax.get_legend()
        assert legend is not None
        for text in legend.get_texts():
            text.set(**LITERAL)
        for handle in legend.legend_handles:
            if handle is not None:
                handle.set_alpha(1)
    return ax


def _scale(found: Importance, ax: Axes) -> None:
    """Scales and limits for all samples, where any weight matters."""
    size = np.abs(found.weights)
    shown = {name: found.matters(name) & (size > 0) for name in found.changes}
    sizes = np.concatenate([size[some] for some in shown.values()])
    changes = np.concatenate([found.changes[name][some] for name, some in shown.items()])
    if not len(sizes):
        return
    middle = float(np.median(np.abs(changes)))
    ax.set_xscale("log")
    ax.set_yscale("symlog", linthresh=10.0 ** math.floor(math.log10(middle)), linscale=1.0)
    ax.set_xlim(*_limits(ax.xaxis, sizes))
    ax.set_ylim(*_limits(ax.yaxis, np.append(changes, 0.0)))


def _limits(axis: Axis, values: NDArray[np.float64]) -> tuple[float, float]:
    """Limits with room around the values, on the axis's scale."""
    scale = axis.get_transform()
    ends = scale.transform(np.array([values.min(), values.max()]))
    room = _MARGIN * np.ptp(ends) or _ALONE
    low, high = scale.inverted().transform(ends + np.array([-room, room]))
    return float(low), float(high)
