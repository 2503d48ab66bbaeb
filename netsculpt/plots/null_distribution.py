"""A statistic compared with its distribution under a null model."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from netsculpt.nulls.significance import Significance
from netsculpt.plots._drawing.axes import LITERAL, axes_or_new, tick_size
from netsculpt.plots._drawing.colours import GREY, NEGATIVE

__all__ = ["null_distribution"]

_HEADROOM = 1.35  # the observed value is written above the bars


def null_distribution(
    significance: Significance,
    *,
    ax: Axes | None = None,
    label: str | None = None,
    symbol: str = "",
) -> Axes:
    r"""Draw the null draws as a histogram and the observed value as a line, with its effect and p.

    The effect size Δ is the value minus the mean of the draws; "p ≤" says that more draws could
    lower p.

    Parameters
    ----------
    significance
        The value and its null draws [n].
    label
        Name of the statistic, for the x axis.
    symbol
        Its symbol, such as "Q": the effect is then called ΔQ.

    Examples
    --------
    >>> draws = np.array([0.1, 0.2, 0.2, 0.3])
    >>> ax = null_distribution(Significance(0.5, 0.2, 0.0707, 4.24, 0.2, 4, draws), label="Q")
    >>> ax.texts[0].get_text()
    'observed 0.5\nΔ = 0.3, z = 4.24, p ≤ 0.2'
    """
    ax = axes_or_new(ax)
    draws = significance.draws
    n_bins = 2 * int(np.clip(np.ceil(np.cbrt(draws.size)), 2, 20)) + 1  # Rice's rule, made odd
    first, reach = float(draws[0]), None
    if significance.is_degenerate:  # all equal: a thin bar on the scale of the observed value
        half = max(0.1 * abs(significance.value - first), 1e-3 * abs(first)) or 1e-3
        reach = (first - half, first + half)
    counts, edges = np.histogram(draws, bins=n_bins, range=reach)
    ax.stairs(counts, edges, fill=True, facecolor="#BFC5CC", edgecolor=GREY, linewidth=0.4)
    top = float(counts.max(initial=1))
    ax.vlines(significance.value, 0, 1.05 * top, color=NEGATIVE, linewidth=1.2)
    ends = np.append(edges[[0, -1]], significance.value)
    margin = 0.08 * float(np.ptp(ends))
    ax.set(xlim=(ends.min() - margin, ends.max() + margin), ylim=(0, _HEADROOM * top))
    left, right = ax.get_xlim()
    leftward = significance.value > (left + right) / 2
    ax.annotate(
        f"observed {significance.value:.4g}\n{_test(significance, symbol)}",
        (significance.value, 1.07 * top),
        xytext=(2 if leftward else -2, 0),
        textcoords="offset points",
        ha="right" if leftward else "left",
        va="bottom",
        color=NEGATIVE,
        fontsize=tick_size(ax),
    )
    ax.set_xlabel(label or "", **LITERAL)
    ax.set_ylabel(f"null draws ({significance.n:,})")
    ax.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    ax.xaxis.set_major_locator(MaxNLocator(5))
    return ax


def _test(significance: Significance, symbol: str) -> str:
    bound = "≤" if significance.is_bound else "="
    return (
        f"Δ{symbol} {_signed(significance.delta)}, z {_signed(significance.z)}, "
        f"p {bound} {significance.p:.2g}"
    )


def _signed(number: float) -> str:
    if np.isnan(number):
        return "undefined"
    return f"= {number:.3g}".replace("-", "−").replace("inf", "∞")
