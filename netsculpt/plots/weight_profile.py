"""How well a network does with one weight after another in place of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from netsculpt.plots._drawing.axes import (
    axes_or_new,
    legend_below,
    say_above,
    size_in_points,
    text_width,
    tick_size,
)
from netsculpt.plots._drawing.colours import GREY, INK, module_colours

if TYPE_CHECKING:
    from netsculpt.training.weight_agnostic.result import Rule, WeightProfile

__all__ = ["weight_profile"]

_COLOURS: dict[Rule, int] = {"shared": 0, "signed": 1, "scaled": 2, "random": 3}


def weight_profile(profile: WeightProfile, *, ax: Axes | None = None) -> Axes:
    """Draw the score of each rule over the weights, with bands of 95 %.

    The axis is logarithmic to both sides of 0. The dashed line is the network as it is, the dotted
    one what the most frequent answer scores.

    Parameters
    ----------
    profile
        The result of `netsculpt.training.weight_profile` or `topology_profile`.

    Examples
    --------
    >>> from netsculpt.training.weight_agnostic.result import Estimate, WeightProfile
    >>> weights, one = np.array([-1.0, 1.0]), Estimate(0.9, 0.8, 0.95)
    >>> scores, intervals = np.array([[0.5, 0.9]]), np.array([[[0.4, 0.6], [0.8, 0.95]]])
    >>> profile = WeightProfile(
    ...     "accuracy", ("shared",), weights, scores, intervals, None, None, {"shared": one},
    ...     {"as it is": one}, 0.5, 100, 1,
    ... )
    >>> weight_profile(profile).get_ylabel()
    'accuracy'
    """
    ax = axes_or_new(ax)
    weights = profile.weights
    for rule, scores, intervals in zip(
        profile.rules, profile.scores, profile.score_intervals, strict=True
    ):
        colour = module_colours([_COLOURS[rule]])[0]
        label: str = rule
        for side in (weights < 0, weights == 0, weights > 0):  # no line through 0
            if side.any():
                ax.plot(
                    weights[side],
                    scores[side],
                    color=colour,
                    marker=".",
                    markersize=3,
                    linewidth=1,
                    label=label,
                    zorder=3,
                )
                ax.fill_between(
                    weights[side], *intervals[side].T, color=colour, alpha=0.18, linewidth=0
                )
                label = "_"
    if "as it is" in profile.own:
        own = profile.own["as it is"].value
        ax.axhline(own, color=INK, linewidth=0.8, linestyle="--", label="own weights", zorder=2)
    if profile.chance is not None:
        ax.axhline(profile.chance, color=GREY, linewidth=0.8, linestyle=":", label="chance")
    _scale(ax, weights)
    ax.set_xlabel("weight w")
    ax.set_ylabel(profile.measure)
    legend_below(ax, *ax.get_legend_handles_labels(), narrow=3)
    if np.isnan(profile.scores).any():
        say_above(ax, ["no score where numbers overflow"])
    return ax


def _scale(ax: Axes, weights: np.ndarray) -> None:
    """Logarithmic on both sides, with the smallest weights next to 0."""
    sizes = np.unique(np.abs(weights[weights != 0]))
    if not sizes.size:
        return
    ax.set_xscale("symlog", linthresh=sizes[0], linscale=0.2)
    shown: list[float] = []
    for step in range(1, sizes.size + 1):
        ticks = sizes[::-1][::step]
        shown = [x for x in (*-ticks, 0.0, *ticks) if weights.min() <= x <= weights.max()]
        wide = max(text_width(f"{x:.2g}  ", tick_size(ax)) for x in shown)
        if wide * len(shown) < size_in_points(ax)[0]:
            break
    ax.xaxis.set_major_locator(FixedLocator(shown))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:.2g}"))
