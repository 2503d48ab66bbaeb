"""In which features two groups of networks differ, and by how much."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from netsculpt.core.numbers import checked_fraction, checked_whole
from netsculpt.plots._drawing.axes import (
    LITERAL,
    axes_or_new,
    lines_that_fit,
    say_above,
    shorten,
    size_in_points,
    tick_size,
)
from netsculpt.plots._drawing.colours import GREY, POSITIVE

if TYPE_CHECKING:
    from netsculpt.compare.group_tests import FeatureTest, GroupComparison

__all__ = ["effect_sizes"]

_LONGEST = 28


def effect_sizes(
    comparison: GroupComparison,
    *,
    level: float = 0.05,
    most: int = 40,
    ax: Axes | None = None,
) -> Axes:
    """Draw Hedges' g of every feature with its 95 % interval, the largest on top.

    Filled: different at this level, adjusted for the number of features. Features without a spread
    in either group have no g and are left out, as are those beyond the `most` largest.

    Parameters
    ----------
    comparison
        What `netsculpt.compare.groups` returns.
    level
        Largest adjusted p that counts as different.

    Examples
    --------
    >>> from netsculpt.compare import groups
    >>> first = [{"Q": x, "n": y} for x, y in ((1.0, 3), (1.2, 5), (1.1, 4), (1.3, 4))]
    >>> second = [{"Q": x + 9, "n": y} for x, y in ((1.0, 4), (1.2, 4), (1.1, 5), (1.3, 3))]
    >>> ax = effect_sizes(groups(first, second))
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['Q', 'n']
    """
    checked_fraction(level, "level")
    checked_whole(most, "most", least=1)
    ax = axes_or_new(ax)
    known = [row for row in comparison.features if not np.isnan(row.g)]
    rows = sorted(known, key=lambda row: -abs(row.g))[:most]
    ax.axvline(0.0, color=GREY, linewidth=0.6, zorder=0)
    for place, row in enumerate(rows):
        _draw(ax, place, row, row.adjusted_p <= level)
    ax.set_yticks(range(len(rows)), [shorten(row.feature, _LONGEST) for row in rows], **LITERAL)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(max(len(rows), 1) - 0.4, -0.6)
    ax.set_xlabel("Hedges' g, second − first, 95 %")
    notes = [f"filled: adjusted p ≤ {level:g}"]
    n_more = len(comparison.features) - len(rows)
    if n_more:
        notes.append(f"not shown: {n_more} smaller ones, or without a spread")
    say_above(ax, lines_that_fit(notes, tick_size(ax), size_in_points(ax)[0]))
    return ax


def _draw(ax: Axes, place: int, row: FeatureTest, is_different: bool) -> None:
    colour = POSITIVE if is_different else GREY
    ax.plot([row.g_low, row.g_high], [place, place], color=colour, linewidth=0.8)
    ax.plot(
        [row.g],
        [place],
        marker="o",
        markersize=3.2,
        markeredgewidth=0.8,
        markeredgecolor=colour,
        markerfacecolor=colour if is_different else "white",
        linestyle="none",
    )
