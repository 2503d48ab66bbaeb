"""What the loss is without each weight, against the size of the weight."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from netsculpt.plots._drawing.axes import LITERAL, axes_or_new, tick_size
from netsculpt.plots._drawing.colours import INK, module_colours

if TYPE_CHECKING:
    from netsculpt.training.importance.result import Importance

__all__ = ["ablation"]

_MOST_VECTOR_POINTS = 2000
_LONGEST_LEGEND = 8  # layers
_WORDS = {"train": "training samples", "held_out": "held-out samples"}


def ablation(found: Importance, *, data: str = "held_out", ax: Axes | None = None) -> Axes:
    """Draw the change of the loss without each weight against the weight's size, by layer.

    Changes are on a scale that is linear near 0 and logarithmic beyond; weights without which
    nothing changes are left out, and counted in the title.

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
    many = int(some.sum()) > _MOST_VECTOR_POINTS
    for number, name in enumerate(found.places.parameters):
        own = some & (found.places.parameter == number)
        colour = module_colours([number])
        ax.scatter(
            *(size[own], change[own]),
            s=3,
            c=colour,
            alpha=0.5,
            linewidth=0,
            label=name,
            rasterized=many,
        )
    ax.axhline(0, color=INK, linewidth=0.5)
    ax.set_xscale("log")
    middle = float(np.median(np.abs(change[some]))) if some.any() else 1.0
    ax.set_yscale("symlog", linthresh=10.0 ** math.floor(math.log10(middle)), linscale=1.0)
    ax.set(xlabel="size of the weight", ylabel="change of the loss without it")
    ax.set_title(f"{_WORDS[data]}\n{1 - some.mean():.0%} of the weights change nothing")
    if len(found.places.parameters) <= _LONGEST_LEGEND:
        legend = ax.legend(frameon=False, fontsize=tick_size(ax), labelcolor=INK, loc="upper left")
        for text in legend.get_texts():
            text.set(**LITERAL)
        for handle in legend.legend_handles:
            if handle is not None:
                handle.set_alpha(1)
    return ax
