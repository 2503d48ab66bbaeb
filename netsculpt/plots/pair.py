"""Which answers a sparse net changes, next to other pairs and class by class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from netsculpt.plots._drawing.axes import (
    LITERAL,
    axes_or_new,
    legend_below,
    say_above,
    shorten,
)
from netsculpt.plots._drawing.colours import GREY, INK, NEGATIVE, POSITIVE

if TYPE_CHECKING:
    from netsculpt.compare.pair import PairAnalysis, PairOutcome

__all__ = ["pair"]

_MOST_CLASSES = 12
_LONGEST = 24
_GAP = 0.6  # between the pairs and the classes, in rows


@dataclass(frozen=True)
class _Row:
    label: str
    lost: float  # share of the samples
    won: float
    change: tuple[float, float, float]  # with its interval


def pair(analysis: PairAnalysis, *, ax: Axes | None = None) -> Axes:
    """Draw regressions to the left and fixes to the right of 0, for pairs and for classes.

    Bars are shares of the samples: those that only the dense net has right, and those that only the
    sparse net has right. The dot is their difference, the change of accuracy or of the class's
    recall, with its 95 % interval. Pairs come first, then the classes that change most, from those
    that lose most to those that win.

    Parameters
    ----------
    analysis
        The result of `netsculpt.training.pair_analysis`.

    Examples
    --------
    >>> from netsculpt.compare.pair import PairAnalysis, pair_outcome
    >>> dense, sparse = [[2, 0], [2, 0], [0, 2]], [[2, 0], [0, 2], [0, 2]]
    >>> outcome = pair_outcome(sparse, dense, [0, 0, 1], rng=0)
    >>> ax = pair(PairAnalysis(outcome, {}, {}, None))
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['this pair (3)', 'class 0 (2)', 'class 1 (1)']
    """
    ax = axes_or_new(ax)
    pairs = [_of_pair(name, x) for name, x in _named(analysis).items()]
    classes, n_left_out = _of_classes(analysis.outcome)
    rows = [*pairs, *classes]
    places = [i + (_GAP if i >= len(pairs) else 0.0) for i in range(len(rows))]
    left, right = [-row.lost for row in rows], [row.won for row in rows]
    height = 0.62
    ax.barh(places, left, height, color=NEGATIVE, linewidth=0, label="only dense is right")
    ax.barh(places, right, height, color=POSITIVE, linewidth=0, label="only sparse is right")
    ax.axvline(0.0, color=GREY, linewidth=0.6, zorder=3)
    for place, row in zip(places, rows, strict=True):
        ax.plot(row.change[1:], [place, place], color=INK, linewidth=0.8, zorder=4)
    changes = [row.change[0] for row in rows]
    ax.scatter(changes, places, s=9, color=INK, linewidth=0, zorder=5, label="difference, 95 %")
    ax.set_yticks(places, [row.label for row in rows], **LITERAL)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(places[-1] + 0.6, -0.6)
    ax.set_xlabel("share of the samples")
    handles, labels = ax.get_legend_handles_labels()  # bars first
    legend_below(ax, [*handles[1:], handles[0]], [*labels[1:], labels[0]])
    if n_left_out:
        noun = "class" if n_left_out == 1 else "classes"
        say_above(ax, [f"not shown: {n_left_out:,} {noun} that change less"])
    return ax


def _named(analysis: PairAnalysis) -> dict[str, PairOutcome]:
    return {"this pair": analysis.outcome, **analysis.baselines}


def _of_pair(name: str, outcome: PairOutcome) -> _Row:
    answers = outcome.answers
    label = f"{shorten(name, _LONGEST)} ({answers.n:,})"
    return _Row(label, answers.regressions, answers.fixes, answers.accuracy_change)


def _of_classes(outcome: PairOutcome) -> tuple[list[_Row], int]:
    """Rows of the classes that change most, and how many classes are left out."""
    recalls = outcome.classes
    table = recalls.table()
    present = table[table["n"] > 0]
    moved = (present["regressions"] + present["fixes"]) / present["n"]
    shown = present.loc[moved.sort_values(ascending=False, kind="stable").index[:_MOST_CLASSES]]
    shown = shown.sort_values(["change", "class"], kind="stable")
    rows = [
        _Row(
            f"class {row['class']} ({row['n']:,})",
            row["regressions"] / row["n"],
            row["fixes"] / row["n"],
            (row["change"], row["change_low"], row["change_high"]),
        )
        for row in shown.to_dict("records")
    ]
    return rows, len(present) - len(rows)
