"""Lines over steps, with gaps, and with a legend next to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from netsculpt.plots._drawing.axes import tick_size
from netsculpt.plots._drawing.colours import module_colours

__all__ = ["draw_lines"]

_STYLES: Final = ("-", "--", ":", "-.")
_MOST_MARKED: Final = 30  # steps


def draw_lines(
    ax: Axes, steps: NDArray[np.int64], lines: Mapping[str, NDArray[np.float64]]
) -> None:
    """Draw lines with gaps where a number is not finite; a legend if there are several."""
    colours = module_colours(range(len(lines)))
    for index, (name, values) in enumerate(lines.items()):
        shown = np.where(np.isfinite(values), values, np.nan)
        if np.isnan(shown).all():  # not tested
            continue
        ax.plot(
            steps,
            shown,
            color=tuple(colours[index]),
            linestyle=_STYLES[index % len(_STYLES)],
            marker="o" if steps.size <= _MOST_MARKED else None,
            markersize=2,
            label=name,
        )
    ax.set_xlabel("step")
    ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    if len(lines) > 1:
        size = tick_size(ax)
        ax.legend(fontsize=size, loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.0)
