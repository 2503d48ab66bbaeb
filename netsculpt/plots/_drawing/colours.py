"""Colours that colour-blind readers can tell apart."""

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import ArrayLike, NDArray

from netsculpt.plots.style import MODULE_PALETTE

__all__ = [
    "GREY",
    "INK",
    "NEGATIVE",
    "PAPER",
    "POSITIVE",
    "UNSIGNED",
    "WIRE",
    "module_colours",
    "rings",
    "shade",
]

INK: Final = "#333333"
GREY: Final = "#707070"  # of small text too: 4.9 : 1 on white
PAPER: Final = "#FFFFFF"
POSITIVE: Final = "#4A5A6A"
NEGATIVE: Final = "#B8613C"
UNSIGNED: Final = "#7D5F99"
WIRE: Final = "#6E9F8D"

_RGB: Final = np.array([to_rgb(colour) for colour in MODULE_PALETTE])


def module_colours(labels: ArrayLike) -> NDArray[np.float64]:
    """Colour [n, 3] of each module label [n]; white for no module (−1)."""
    chosen = np.asarray(labels, dtype=np.int64)
    return np.where(chosen[:, None] < 0, 1.0, _RGB[chosen % len(_RGB)])


def rings(labels: ArrayLike) -> list[str]:
    """Outline of each label: grey for no module, ink when the palette is used a second time."""
    turns = np.asarray(labels, dtype=np.int64) // len(_RGB)
    return [GREY if turn < 0 else (PAPER, INK)[turn % 2] for turn in turns]


def shade(colours: NDArray[np.float64], towards: float, amount: float) -> NDArray[np.float64]:
    """Mix colours [n, 3] with black (`towards` 0) or white (1)."""
    return colours * (1 - amount) + towards * amount
