"""Steps to a result: train with every draw until it reaches the goal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_number, checked_whole
from netsculpt.core.progress import Progress
from netsculpt.training.parallelism.draws import Draws
from netsculpt.training.parallelism.workload import Workload

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COMPLETE", "INCOMPLETE", "INFEASIBLE", "StepsToResult", "Stopping", "steps_to_result"]

COMPLETE, INCOMPLETE, INFEASIBLE = "complete", "incomplete", "infeasible"
_STATUSES = (COMPLETE, INCOMPLETE, INFEASIBLE)


@dataclass(frozen=True)
class Stopping:
    """When a training is looked at, and when it ends.

    >>> stopping = Stopping(goal=0.08, most_steps=100, check_every=5, each_until=3)
    >>> [step for step in range(1, 16) if stopping.is_checked(step)]
    [1, 2, 3, 5, 10, 15]
    """

    goal: float  # validation error to reach: of nets a share of wrong answers, .08 for 8 %
    most_steps: int
    check_every: int = 5  # steps
    each_until: int = 50  # up to here every step is checked: 5 of 15 would be a third
    enough: int | None = None  # end when so many draws are complete; None: when all are

    def __post_init__(self) -> None:
        checked_number(self.goal, "goal", least=0)
        checked_whole(self.most_steps, "most_steps", least=1)
        checked_whole(self.check_every, "check_every", least=1)
        checked_whole(self.each_until, "each_until", least=0)
        if self.enough is not None:
            checked_whole(self.enough, "enough", least=1)

    def is_checked(self, step: int) -> bool:
        """Whether the validation error is measured after a step; steps are counted from 1."""
        return step <= self.each_until or step % self.check_every == 0 or step == self.most_steps


@dataclass(frozen=True, eq=False)
class StepsToResult:
    """What became of each draw at one batch size."""

    draws: Draws
    batch_size: int
    status: NDArray[np.str_]  # [R]: "complete", "incomplete" (out of steps), "infeasible" (NaN)
    steps: NDArray[np.float64]  # [R]: first checked step at the goal; ∞ unless complete
    n_steps: int  # after which the search ended

    @property
    def best(self) -> float:
        """K*: the fewest steps to the goal; ∞ if no draw is complete."""
        return float(self.steps.min())

    @property
    def best_draw(self) -> int | None:
        """Row of the first draw with the fewest steps; None if none is complete."""
        return int(self.steps.argmin()) if np.isfinite(self.best) else None

    @property
    def at_edge(self) -> bool:
        """Whether the best learning rate is at an edge of its range, which must be widened then.

        If several draws are equally fast, one inside the range is enough.
        """
        fastest = self.steps == self.best
        return bool(np.isfinite(self.best)) and bool(self.draws.at_edge[fastest].all())

    def table(self) -> pd.DataFrame:
        """One row per draw."""
        import pandas as pd

        return pd.DataFrame(
            {
                "draw": self.draws.index,
                "learning_rate": self.draws.learning_rates,
                "momentum": self.draws.momenta,
                "at_edge": self.draws.at_edge,
                "status": self.status,
                "steps": self.steps,
            }
        )

    def summary(self) -> dict[str, Any]:
        """Plain values, JSON-able; `steps` is None if no draw is complete."""
        row = self.best_draw
        counts = {name: int((self.status == name).sum()) for name in _STATUSES}
        return {
            "optimizer": self.draws.optimizer,
            "batch_size": self.batch_size,
            "steps": None if row is None else int(self.best),
            "learning_rate": None if row is None else float(self.draws.learning_rates[row]),
            "momentum": None if row is None else float(self.draws.momenta[row]),
            "at_edge": self.at_edge,
            "searched": self.n_steps,
            **counts,
        }


def steps_to_result(
    workload: Workload,
    draws: Draws,
    batch_size: int,
    stopping: Stopping,
    *,
    progress: Progress | None = None,
) -> StepsToResult:
    """Train a workload with every draw until it reaches the goal.

    Its `best`, the minimum over the draws, falls with their number: compare batch sizes at equal
    draws. With ``stopping.enough`` = m, the minimum over all draws stays what it is, and so do
    those over random subsets and resamples, unless they miss all of the m fastest: the chance of
    that is about :math:`e^{-m}` for resamples of the same size.

    Parameters
    ----------
    workload
        What to train.
    draws
        Metaparameters, trained together; a training that is complete or diverges leaves.
    batch_size
        Samples per step.
    stopping
        Goal, checks and steps. A training that diverged is infeasible even if the error is at the
        goal.
    progress
        Called with ("steps", done, most) after every check.

    Examples
    --------
    >>> from netsculpt.training.parallelism import NoisyQuadratic, draws
    >>> quadratic = NoisyQuadratic.power_law(16)
    >>> found = steps_to_result(quadratic, draws("sgd", 16), 4, Stopping(0.05, 1000))
    >>> {name: found.summary()[name] for name in ("complete", "incomplete", "infeasible")}
    {'complete': 5, 'incomplete': 11, 'infeasible': 0}

    Raises
    ------
    FormatError
        If the goal is one that no error can miss, or the workload refuses draws or batch size.
    """
    checked_whole(batch_size, "batch_size", least=1)
    if stopping.goal >= workload.worst_error:
        raise FormatError(
            f"the goal is {stopping.goal:g}, and no validation error of this workload is larger "
            f"than {workload.worst_error:g}: a smaller one is needed, such as .08 for 8 %"
        )
    n = draws.n_draws
    status, steps = np.full(n, INCOMPLETE), np.full(n, np.inf)
    left, step = np.arange(n), 0
    wanted = n if stopping.enough is None else min(stopping.enough, n)
    running = workload.started(draws, batch_size)
    while step < stopping.most_steps and left.size and np.isfinite(steps).sum() < wanted:
        running.advance()
        step += 1
        if not stopping.is_checked(step):
            continue
        errors = running.errors()
        diverged, reached = np.isnan(errors), errors <= stopping.goal
        status[left[diverged]], status[left[reached]] = INFEASIBLE, COMPLETE
        steps[left[reached]] = step
        stay = ~diverged & ~reached
        if not stay.all():
            left = left[stay]
            if left.size:
                running.keep(stay)
        if progress is not None:
            progress("steps", step, stopping.most_steps)
    return StepsToResult(draws, batch_size, status, steps, step)
