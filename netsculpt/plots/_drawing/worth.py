"""How the verdict on modules is drawn and said in every figure of them."""

from __future__ import annotations

from matplotlib.axes import Axes

from netsculpt.modules.verdict import IN_SHORT, Verdict
from netsculpt.plots._drawing.axes import lines_that_fit, say_above, size_in_points, tick_size
from netsculpt.plots.style import says_verdicts

__all__ = ["DASHED", "MUTED", "is_muted", "say_verdict", "verdict_words"]

MUTED = 0.5  # how far colours are mixed with white, or units with grey
DASHED = (0, (2.0, 2.0))  # outlines of muted modules


def is_muted(verdict: Verdict | None) -> bool:
    """Whether modules of this verdict are drawn as one possibility among others."""
    return verdict not in (None, "modular")


def say_verdict(ax: Axes, verdict: Verdict | None) -> None:
    """Write the verdict above the axes."""
    words = verdict_words(verdict)
    if words:
        say_above(ax, lines_that_fit(words, tick_size(ax), size_in_points(ax)[0]))


def verdict_words(verdict: Verdict | None) -> list[str]:
    """The verdict as a short text for a figure; empty without one, or if `paper` leaves it out."""
    return [] if verdict is None or not says_verdicts() else [IN_SHORT[verdict]]
