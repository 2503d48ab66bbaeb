"""Names along the sides of a heat map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes

from netsculpt.plots._drawing.axes import LITERAL, shorten, size_in_points, text_width, tick_size

__all__ = ["name_cells"]

_LONGEST_NAME, _SHORTEST_NAME = 16, 5
_MOST_OF_HEIGHT = 0.4  # that upright names may take from the cells


def name_cells(ax: Axes, axis: Literal["x", "y"], names: Sequence[str] | None, n: int) -> None:
    """Label the middles of the cells; turn or skip labels that would touch."""
    texts = [str(cell) for cell in range(n)] if names is None else list(names)
    texts = [shorten(text, _LONGEST_NAME) for text in texts]
    target = ax.xaxis if axis == "x" else ax.yaxis
    size = tick_size(ax)
    width, height = size_in_points(ax)
    room = (width if axis == "x" else height) / max(n, 1)
    widest = max((text_width(text, size) for text in texts), default=0.0) + 0.6 * size
    upright = axis == "x" and widest > room and names is not None
    if upright:
        texts = [_shortened(text, size, _MOST_OF_HEIGHT * height) for text in texts]
    needed = widest if axis == "x" and not upright else 1.25 * size
    every = _round_up(int(np.ceil(needed / room)), numbered=names is None)
    cells = np.arange(0, n, every)
    target.set_ticks(
        cells + 0.5, [texts[cell] for cell in cells], rotation=90 if upright else 0, **LITERAL
    )
    ax.tick_params(axis=axis, length=0)


def _shortened(text: str, size: float, room: float) -> str:
    """The longest form of a name that fits the room."""
    longest = min(len(text), _LONGEST_NAME)
    while longest > _SHORTEST_NAME and text_width(shorten(text, longest), size) > room:
        longest -= 1
    return shorten(text, longest)


def _round_up(step: int, *, numbered: bool) -> int:
    """Round up to 1, 2, 5, 10, … so that numbers on an axis are easy to read."""
    if not numbered:
        return step
    power = int(10 ** (len(str(step)) - 1))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step)
