"""How often a sparse net answers as its dense twin does, and which answers it changes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from netsculpt.compare.pair.checks import checked_labels, checked_logits
from netsculpt.compare.pair.intervals import paired_interval, wilson
from netsculpt.core.plain import plain

__all__ = ["AnswerChanges", "answer_changes"]


@dataclass(frozen=True)
class AnswerChanges:
    """Counts of samples, from which all shares follow; S is the sparse net, D the dense one."""

    n: int
    n_right_both: int
    n_regressions: int  # D right, S wrong
    n_fixes: int  # D wrong, S right
    n_other_errors: int  # both wrong, with other answers
    n_same_errors: int  # both wrong, with the same answer
    chance: float  # agreement of independent answers with the same frequencies, Σ_c p_S(c) p_D(c)

    @property
    def accuracy_sparse(self) -> float:
        """Share of right answers of S: that of D − regressions + fixes, exactly in counts."""
        return (self.n_right_both + self.n_fixes) / self.n

    @property
    def accuracy_dense(self) -> float:
        """Share of right answers of D."""
        return (self.n_right_both + self.n_regressions) / self.n

    @property
    def accuracy_change(self) -> tuple[float, float, float]:
        """Accuracy of S − that of D, and its 95 % interval, of pairs."""
        n_neither = self.n_other_errors + self.n_same_errors
        counts = self.n_right_both, self.n_fixes, self.n_regressions, n_neither
        return (self.n_fixes - self.n_regressions) / self.n, *paired_interval(*counts)

    @property
    def agreement(self) -> float:
        """Share of samples with the same answer."""
        return (self.n_right_both + self.n_same_errors) / self.n

    @property
    def churn(self) -> float:
        """Share of samples with another answer: 1 − agreement."""
        return (self.n_regressions + self.n_fixes + self.n_other_errors) / self.n

    @property
    def churn_interval(self) -> tuple[float, float]:
        """95 % interval of the churn."""
        return wilson(self.n_regressions + self.n_fixes + self.n_other_errors, self.n)

    @property
    def kappa(self) -> float:
        """Cohen's κ: 1 = the same answers, 0 = chance; NaN if both always give one answer."""
        return (self.agreement - self.chance) / (1 - self.chance) if self.chance < 1 else math.nan

    @property
    def regressions(self) -> float:
        """Share of samples that only D has right."""
        return self.n_regressions / self.n

    @property
    def fixes(self) -> float:
        """Share of samples that only S has right."""
        return self.n_fixes / self.n

    @property
    def other_errors(self) -> float:
        """Share of samples that both have wrong, with other answers."""
        return self.n_other_errors / self.n

    @property
    def right_if_dense_right(self) -> float:
        """P[S right | D right]; NaN if D never is."""
        return _share(self.n_right_both, self.n_right_both + self.n_regressions)

    @property
    def right_if_dense_wrong(self) -> float:
        """P[S right | D wrong]; NaN if D never is."""
        return _share(self.n_fixes, self.n_fixes + self.n_other_errors + self.n_same_errors)

    @property
    def p_equal(self) -> float:
        """McNemar's exact test, two-sided: p that regressions and fixes are equally likely."""
        from scipy.stats import binomtest

        n_changed = self.n_regressions + self.n_fixes
        return float(binomtest(self.n_fixes, n_changed).pvalue) if n_changed else 1.0

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able; what is undefined is None."""
        shares = (
            *("accuracy_sparse", "accuracy_dense", "agreement", "chance", "kappa", "churn"),
            *("regressions", "fixes", "other_errors", "right_if_dense_right"),
            *("right_if_dense_wrong", "p_equal"),
        )
        change, low, high = self.accuracy_change
        summary: dict[str, Any] = plain(
            {
                "n": self.n,
                **{name: getattr(self, name) for name in shares},
                "accuracy_change": change,
                "accuracy_change_interval": [low, high],
                "churn_interval": self.churn_interval,
            }
        )
        return summary


def answer_changes(sparse: ArrayLike, dense: ArrayLike, labels: ArrayLike) -> AnswerChanges:
    """Compare the answers of a sparse net and its dense twin: the largest logit of each sample.

    Parameters
    ----------
    sparse, dense
        Logits [n, classes] on the same samples.
    labels
        Their classes [n].

    Notes
    -----
    κ: Cohen, Educ. Psychol. Meas. 20, 37 (1960), doi:10.1177/001316446002000104. Churn: Milani Fard
    et al., NeurIPS 2016. Regressions are close to the "pruning identified exemplars" of Hooker et
    al., arXiv:1911.05248. The interval of `accuracy_change` is that of Newcombe, for pairs.

    Examples
    --------
    >>> dense = [[2, 0], [2, 0], [0, 2], [0, 2]]
    >>> sparse = [[2, 0], [0, 2], [2, 0], [0, 2]]
    >>> changes = answer_changes(sparse, dense, [0, 0, 0, 0])
    >>> changes.regressions, changes.fixes, changes.kappa
    (0.25, 0.25, 0.0)
    """
    logits = checked_logits(sparse, dense)
    n, n_classes = logits[0].shape
    truth = checked_labels(labels, n, n_classes)
    answer_sparse, answer_dense = (x.argmax(axis=1) for x in logits)
    right_sparse, right_dense = answer_sparse == truth, answer_dense == truth
    same = answer_sparse == answer_dense
    frequencies = [np.bincount(x, minlength=n_classes) for x in (answer_sparse, answer_dense)]
    return AnswerChanges(
        n,
        int((right_sparse & right_dense).sum()),
        int((~right_sparse & right_dense).sum()),
        int((right_sparse & ~right_dense).sum()),
        int((~right_sparse & ~right_dense & ~same).sum()),
        int((~right_sparse & ~right_dense & same).sum()),
        int(frequencies[0] @ frequencies[1]) / n**2,
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
