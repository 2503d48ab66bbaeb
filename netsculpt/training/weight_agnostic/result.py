"""A weight profile: how well a network does with each weight, by rules that say who gets it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.errors import NumberError
from netsculpt.core.numbers import checked_number, checked_whole

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LARGEST", "RULES", "Estimate", "Rule", "WeightProfile", "checked_grid", "weight_grid"]

Rule = Literal["shared", "signed", "scaled", "random"]
RULES: Final[dict[Rule, str]] = {
    "shared": "w for every edge",
    "signed": "w, with the sign of the edge's own weight",
    "scaled": "the same, divided by the root of the number of edges into its unit",
    "random": "random weights of standard deviation w, several draws: a control",
}


LARGEST = 1e30  # size of a weight


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class WeightProfile:
    """How well a network does when its R rules give its edges each of W weights.

    Intervals are 95 % over samples (accuracy: Wilson's; loss and reward: normal), and for "random"
    the middle 95 % of the draws.
    """

    measure: str  # what `scores` are: "accuracy", or "reward"
    rules: tuple[Rule, ...]
    weights: NDArray[np.float64]  # [W]
    scores: NDArray[np.float64]  # [R, W]; of "random" the mean over draws
    score_intervals: NDArray[np.float64]  # [R, W, 2]
    losses: NDArray[np.float64] | None  # [R, W] cross-entropy; None for rewards
    loss_intervals: NDArray[np.float64] | None  # [R, W, 2]
    votes: dict[Rule, Estimate]  # accuracy of the majority over all weights; empty for rewards
    own: dict[str, Estimate]  # score of the network as it is, and of its weights without biases
    chance: float | None  # accuracy of always giving the most frequent answer
    n_samples: int  # or episodes
    n_draws: int  # of "random"

    def row(self, rule: Rule) -> int:
        """Where a rule stands in the arrays."""
        return self.rules.index(rule)

    def best(self, rule: Rule) -> float:
        """The weight of the highest score; the smallest size of several."""
        scores = self.scores[self.row(rule)]
        if np.isnan(scores).all():
            return math.nan
        best = self.weights[scores == np.nanmax(scores)]
        return float(best[np.abs(best).argmin()])

    def table(self) -> pd.DataFrame:
        """One row per rule and weight."""
        import pandas as pd

        n_rules, n_weights = self.scores.shape
        columns: dict[str, ArrayLike] = {
            "rule": np.repeat(self.rules, n_weights),
            "weight": np.tile(self.weights, n_rules),
            self.measure: self.scores.ravel(),
            f"{self.measure}_low": self.score_intervals[..., 0].ravel(),
            f"{self.measure}_high": self.score_intervals[..., 1].ravel(),
        }
        if self.losses is not None and self.loss_intervals is not None:
            columns["loss"] = self.losses.ravel()
            columns["loss_low"] = self.loss_intervals[..., 0].ravel()
            columns["loss_high"] = self.loss_intervals[..., 1].ravel()
        return pd.DataFrame(columns)

    def summary(self) -> dict[str, Any]:
        """For each rule the best weight, the mean over weights, and the vote; JSON-able."""
        rules = {}
        for row, rule in enumerate(self.rules):
            best = self.best(rule)
            with_best = self.scores[row][self.weights == best]
            rules[rule] = {
                "best_weight": _plain(best),
                "best": _plain(with_best[0] if with_best.size else math.nan),
                "mean": _plain(self.scores[row].mean()),
                "worst": _plain(self.scores[row].min()),
                "vote": None if rule not in self.votes else vars(self.votes[rule]),
            }
        return {
            "measure": self.measure,
            "weights": self.weights.tolist(),
            "own": {name: vars(estimate) for name, estimate in self.own.items()},
            "chance": self.chance,
            "samples": self.n_samples,
            "draws": self.n_draws,
            "rules": rules,
        }


def weight_grid(smallest: float = 0.25, largest: float = 4.0, n: int = 9) -> NDArray[np.float64]:
    """Weights of both signs, their n sizes evenly spaced on a logarithmic scale.

    >>> weight_grid(0.5, 2, 3).tolist()
    [-2.0, -1.0, -0.5, 0.5, 1.0, 2.0]
    """
    checked_whole(n, "n", least=1)
    for name, size in (("smallest", smallest), ("largest", largest)):
        checked_number(size, name)
    if not 0 < smallest <= largest < math.inf:
        raise NumberError(f"weights from {smallest} to {largest}: 0 < smallest ≤ largest is needed")
    sizes = np.geomspace(smallest, largest, n)
    return np.concatenate([-sizes[::-1], sizes])


def checked_grid(weights: ArrayLike | None) -> NDArray[np.float64]:
    """The weights [W], ascending; `weight_grid` for None."""
    if weights is None:
        return weight_grid()
    grid = np.sort(np.asarray(weights, np.float64).ravel())
    if not grid.size or not (np.abs(grid) <= LARGEST).all():
        text = f"{np.asarray(weights).tolist()!r:.80}"
        raise NumberError(
            f"weights are {text}: numbers from {-LARGEST:g} to {LARGEST:g} are needed, at least "
            "one; beyond them float32, in which networks are stored, ends"
        )
    return grid


def _plain(number: float) -> float | None:
    """The number for JSON, which has none that are not finite."""
    return float(number) if math.isfinite(number) else None
