"""Which classes pay for sparsity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.compare.pair.checks import checked_labels, checked_logits
from netsculpt.compare.pair.intervals import gini, paired_interval, wilson
from netsculpt.core.numbers import checked_whole
from netsculpt.core.plain import plain
from netsculpt.core.random import RNG

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ClassRecalls", "class_recalls"]

Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ClassRecalls:
    """Counts by class [C], and how unequally the classes regress."""

    n: Counts  # samples
    right_both: Counts
    regressions: Counts  # D right, S wrong
    fixes: Counts  # D wrong, S right
    gini: float  # of the share of regressions by class: 0 = all pay the same; NaN: none regresses
    gini_chance: float  # its mean if regressions fall on what D has right at random
    p: float  # chance that it is as large then; NaN: none regresses

    def table(self) -> pd.DataFrame:
        """One row per class: recalls and their change, with 95 % intervals."""
        import pandas as pd

        return pd.DataFrame([self._row(c) for c in range(self.n.size)])

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able; what is undefined is None."""
        numbers = {"gini": self.gini, "gini_chance": self.gini_chance, "p": self.p}
        classes = [self._row(c) for c in range(self.n.size)]
        summary: dict[str, Any] = plain({**numbers, "classes": classes})
        return summary

    def _row(self, c: int) -> dict[str, float | int]:
        n, both = int(self.n[c]), int(self.right_both[c])
        lost, won = int(self.regressions[c]), int(self.fixes[c])
        row: dict[str, float | int] = {"class": c, "n": n, "regressions": lost, "fixes": won}
        for name, right in (("sparse", both + won), ("dense", both + lost)):
            row[f"recall_{name}"] = right / n if n else math.nan
            row[f"recall_{name}_low"], row[f"recall_{name}_high"] = wilson(right, n)
        row["change"] = (won - lost) / n if n else math.nan
        row["change_low"], row["change_high"] = paired_interval(
            both, won, lost, n - both - won - lost
        )
        return row


def class_recalls(
    sparse: ArrayLike,
    dense: ArrayLike,
    labels: ArrayLike,
    *,
    n_draws: int = 1000,
    rng: RNG = None,
) -> ClassRecalls:
    """Compare the recalls of a sparse net and its dense twin, class by class.

    A few regressions are always shared unequally. So the Gini coefficient of the classes'
    regressions (as shares of their samples) comes with its mean and its p under the null model that
    as many regressions fall at random on the samples that D has right.

    Parameters
    ----------
    sparse, dense
        Logits [n, classes] on the same samples.
    labels
        Their classes [n].
    n_draws
        Draws of the null model.
    rng
        Seed or generator.

    Notes
    -----
    Intervals of recalls: Wilson; of their change: Newcombe, for pairs. p is (1 + draws that reach
    the value) / (1 + draws).

    Examples
    --------
    >>> dense = np.eye(2)[[0, 0, 0, 0, 1, 1, 1, 1]]
    >>> sparse = np.eye(2)[[1, 1, 1, 1, 1, 1, 1, 1]]
    >>> recalls = class_recalls(sparse, dense, [0, 0, 0, 0, 1, 1, 1, 1], rng=0)
    >>> recalls.gini, recalls.p < 0.1
    (0.5, True)
    """
    checked_whole(n_draws, "n_draws", least=1)
    logits = checked_logits(sparse, dense)
    n_classes = logits[0].shape[1]
    truth = checked_labels(labels, *logits[0].shape)
    s, d = (x.argmax(axis=1) == truth for x in logits)
    n, both, lost, won = (
        np.bincount(truth[rows], minlength=n_classes)
        for rows in (np.ones_like(s), s & d, ~s & d, s & ~d)
    )
    present = n > 0
    observed = gini(lost[present] / n[present])
    chance = p = math.nan
    if lost.any():
        draws = np.random.default_rng(rng).multivariate_hypergeometric(
            (both + lost)[present], int(lost.sum()), size=n_draws, method="marginals"
        )
        null = np.array([gini(draw / n[present]) for draw in draws])
        chance = float(null.mean())
        p = float((1 + (null >= observed - 1e-12).sum()) / (1 + n_draws))
    return ClassRecalls(n, both, lost, won, observed, chance, p)
