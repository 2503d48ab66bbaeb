"""How the verdict on modules is drawn and said in every figure of them."""

from __future__ import annotations

from matplotlib.axes import Axes

from netsculpt.modules.verdict import IN_SHORT, Verdict
from netsculpt.plots._drawing.axes import lines_that_fit, say_above, size_in_points, tick_size

__all__ = ["DASHED", "MUTED", "is_muted", "say_verdict"]

MUTED = 0.5  # how far colours are mixed with white, or units with grey
DASHED = (0, (2.0, 2.0))  # outlines of muted modules


def is_muted(verdict: Verdict | None) -> bool:
    """Whether modules of this verdict are drawn as one possibility among others."""
    return verdict not in (None, "modular")


def say_verdict(ax: Axes, verdict: Verdict | None) -> None:
    """Write the verdict above the axes."""
    if verdict is not None:
        say_above(ax, lines_that_fit([IN_SHORT[verdict]], tick_size(ax), size_in_points(ax)[0]))
