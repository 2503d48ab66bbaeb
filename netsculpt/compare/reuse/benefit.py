"""Whether a reused module helps: steps or samples to the goal, with it and without."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_number, checked_whole
from netsculpt.core.plain import plain
from netsculpt.core.random import RNG, root_seed, stream

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ControlBenefit", "Curve", "ReuseBenefit", "reuse_benefit"]


@dataclass(frozen=True, eq=False)
class Curve:
    """Accuracy of one net against what its training cost so far: steps, or samples."""

    costs: ArrayLike  # [k] rising, above 0
    accuracies: ArrayLike  # [k] on held-out data

    def first_at(self, goal: float) -> float:
        """The first cost at which the accuracy reaches the goal; ∞ if it never does.

        >>> Curve([10, 20, 30], [0.2, 0.9, 0.8]).first_at(0.85)
        20.0
        """
        costs, accuracies = _checked(self)
        hits = np.flatnonzero(accuracies >= goal)
        return float(costs[hits[0]]) if hits.size else math.inf


@dataclass(frozen=True)
class ControlBenefit:
    """Costs to the goal with a control, relative to those with the module frozen, pair by pair."""

    control: str
    n_pairs: int
    n_reached: int  # runs with the module that reached the goal by the horizon
    n_reached_control: int
    n_earlier: int  # pairs in which the module was first; one that alone reaches the goal is
    n_later: int
    n_undecided: int  # pairs with equal costs, and those in which neither reached the goal
    horizon: float  # all runs are compared up to this cost; ∞ if all reached the goal
    mean_cost: float  # with the module; runs that did not reach the goal count as the horizon
    mean_cost_control: float
    interval: tuple[float, float]  # of the ratio, 95 %

    @property
    def ratio(self) -> float:
        """Mean cost of the control / mean cost with the module: above 1 the module helps."""
        return self.mean_cost_control / self.mean_cost

    @property
    def p(self) -> float:
        """Sign test over pairs, two-sided and exact: p that earlier and later are equally likely.

        It needs no horizon: that a run did not reach the goal is enough to order a pair.
        """
        from scipy.stats import binomtest

        n = self.n_earlier + self.n_later
        return float(binomtest(self.n_earlier, n).pvalue) if n else 1.0

    @property
    def note(self) -> str:
        """What censored runs make of the ratio; empty if all runs reached the goal."""
        ours, theirs = self.n_pairs - self.n_reached, self.n_pairs - self.n_reached_control
        if not ours and not theirs:
            return ""
        bound = "is a lower bound" if not ours else "is an upper bound" if not theirs else ""
        said = f"{ours} of {self.n_pairs} runs with the module and {theirs} of the control did not "
        said += f"reach the goal by {self.horizon:g}, which is counted as their cost: the ratio "
        return said + (bound or "is one of restricted means")


@dataclass(frozen=True)
class ReuseBenefit:
    """What a reused module saves against each control."""

    goal: float
    unit: str  # of the costs: "steps", "samples"
    controls: tuple[ControlBenefit, ...]
    n_draws: int

    def table(self) -> pd.DataFrame:
        """One row per control."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    **{name: x for name, x in asdict(row).items() if name != "interval"},
                    "ratio": row.ratio,
                    "low": row.interval[0],
                    "high": row.interval[1],
                    "p": row.p,
                    "note": row.note,
                }
                for row in self.controls
            ]
        )

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able; what is undefined or infinite is None."""
        rows = [
            {
                **asdict(row),
                "horizon": row.horizon if math.isfinite(row.horizon) else None,
                "ratio": row.ratio,
                "p": row.p,
                "note": row.note,
            }
            for row in self.controls
        ]
        summary: dict[str, Any] = plain({"goal": self.goal, "unit": self.unit, "controls": rows})
        return summary


def reuse_benefit(
    frozen: Sequence[Curve],
    controls: Mapping[str, Sequence[Curve]],
    *,
    goal: float,
    unit: str = "steps",
    n_draws: int = 2000,
    rng: RNG = None,
) -> ReuseBenefit:
    r"""Compare how soon nets reach a goal with a reused module and with controls.

    Reuse that saves nothing is retention only. Controls that tell why something is saved:
    the module frozen with its weights shuffled inside (its wiring alone), a frozen module of an
    unrelated task (any frozen module), everything free (the usual training).

    .. math:: ratio = \frac{\sum_i \min(c_i^{control}, h)}{\sum_i \min(c_i^{module}, h)}

    for the first costs c at the goal and the horizon h: the shortest training among the runs that
    did not reach it. Runs that never get there are neither dropped nor given an invented cost: they
    count as h, the ratio is one of restricted means, and `ControlBenefit.note` says so.

    Parameters
    ----------
    frozen
        Curves of nets with the module frozen, one per seed.
    controls
        Curves of the same seeds, in the same order, by name of the control.
    goal
        The accuracy to reach.
    unit
        What the costs count: "steps", or "samples" if curve i gives the accuracy that training to
        the end reaches with so many samples.
    n_draws
        Bootstrap draws of pairs, for the interval of the ratio. With one pair it is NaN.
    rng
        Seed or generator.

    Raises
    ------
    FormatError
        If a curve is empty or does not rise in cost, or a control has another number of curves.

    Notes
    -----
    Restricted mean time: Royston and Parmar, BMC Med. Res. Methodol. 13, 152 (2013),
    doi:10.1186/1471-2288-13-152.

    Examples
    --------
    >>> slow = [Curve([10, 20, 40], [0.1, 0.5, 0.9]), Curve([10, 20, 40], [0.1, 0.4, 0.8])]
    >>> fast = [Curve([10, 20], [0.1, 0.9]), Curve([10, 20], [0.1, 0.9])]
    >>> (row,) = reuse_benefit(fast, {"free": slow}, goal=0.9, rng=0).controls
    >>> row.ratio, row.n_reached_control, row.n_earlier
    (2.0, 1, 2)
    >>> row.note[-13:]
    'a lower bound'
    """
    checked_number(goal, "goal")
    checked_whole(n_draws, "n_draws", least=1)
    if not frozen or not controls:
        raise FormatError(
            f"{len(frozen)} curves and {len(controls)} controls found: at least one each is needed"
        )
    seed = root_seed(rng)
    rows = []
    for name, curves in controls.items():
        if len(curves) != len(frozen):
            raise FormatError(
                f"{len(frozen)} curves with the module, {len(curves)} of control {name!r}: pairs "
                "of the same seeds are needed"
            )
        generator = stream(seed, "benefit", name)
        rows.append(_compared(name, frozen, curves, goal, n_draws, generator))
    return ReuseBenefit(goal, unit, tuple(rows), n_draws)


def _compared(
    name: str,
    frozen: Sequence[Curve],
    control: Sequence[Curve],
    goal: float,
    n_draws: int,
    generator: np.random.Generator,
) -> ControlBenefit:
    first = np.array([[curve.first_at(goal) for curve in side] for side in (frozen, control)])
    lasts = np.array([[_checked(curve)[0][-1] for curve in side] for side in (frozen, control)])
    horizon = float(lasts[np.isinf(first)].min(initial=math.inf))
    reached = first <= horizon
    seen = np.where(reached, first, math.inf)  # what lies beyond the horizon is not compared
    costs = np.minimum(first, horizon)
    n = len(frozen)
    drawn = costs[:, generator.integers(n, size=(n_draws, n))].sum(axis=2)
    low, high = np.percentile(drawn[1] / drawn[0], [2.5, 97.5]).tolist()
    return ControlBenefit(
        control=name,
        n_pairs=n,
        n_reached=int(reached[0].sum()),
        n_reached_control=int(reached[1].sum()),
        n_earlier=int((seen[0] < seen[1]).sum()),
        n_later=int((seen[0] > seen[1]).sum()),
        n_undecided=int((seen[0] == seen[1]).sum()),
        horizon=horizon,
        mean_cost=float(costs[0].mean()),
        mean_cost_control=float(costs[1].mean()),
        interval=(low, high) if n > 1 else (math.nan, math.nan),
    )


def _checked(curve: Curve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    costs, accuracies = (np.asarray(x, dtype=np.float64) for x in (curve.costs, curve.accuracies))
    good = costs.ndim == 1 and costs.shape == accuracies.shape and costs.size > 0
    good = good and bool(np.isfinite(costs).all() and costs[0] > 0 and (np.diff(costs) > 0).all())
    if not good or np.isnan(accuracies).any():
        raise FormatError(
            f"a curve has costs {costs.tolist()!r:.80} and accuracies {accuracies.tolist()!r:.80}: "
            "as many of each are needed, costs above 0 and rising"
        )
    return costs, accuracies
