"""Pruning up to a percentile that rises: accept, or halve the step, or stop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from netsculpt.training.sculpting.cuts import above_percentile
from netsculpt.training.sculpting.replicas import Replicas
from netsculpt.training.tasks import Task

__all__ = ["Cut", "PercentilePruning", "Schedule", "Score", "begun"]

Score = Callable[[Replicas, Task], Tensor]  # [R, items], higher stays, 0 if pruned
Cut = Callable[[Replicas, Tensor], Replicas]  # only the items to keep [R, items]
Schedule = Callable[[Tensor], Tensor]

_SAME = 1e-9  # percentages closer than this are equal
_BISECTIONS = 60


@dataclass(eq=False)
class PercentilePruning:
    """Where each run [R] stands on its way from nothing pruned to all pruned.

    A step moves the run's `position` along the schedule, but prunes at least one item. A rejected
    step is halved; a rejected step of one item ends the run.
    """

    score: Score
    cut: Cut
    schedule: Schedule
    n_items: int  # hidden units, or weights
    percent: Tensor  # float64 [R] of the items, up to which the scores are pruned
    position: Tensor  # float64 [R] on the schedule, 0 … 1
    step: Tensor  # float64 [R] how far the position goes next

    def propose(self, replicas: Replicas, task: Task) -> Replicas:
        """The replicas after the next step."""
        scores = self.score(replicas, task)
        target, _, _ = self._next()
        return self.cut(replicas, above_percentile(scores, target.to(scores.device)))

    def judge(self, reached: Tensor) -> Tensor:
        """Told which steps [R] were accepted: which runs go on. The others are forgotten."""
        target, position, single = self._next()
        going = torch.where(reached, target < 100, ~single)
        self.percent = torch.where(reached, target, self.percent)[going]
        self.position = torch.where(reached, position, self.position)[going]
        self.step = torch.where(reached, self.step, self.step / 2)[going]
        return going

    def state(self) -> dict[str, Tensor]:
        """What `restore` needs."""
        return {"percent": self.percent, "position": self.position, "step": self.step}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on where `state` was given."""
        self.percent, self.position = state["percent"], state["position"]
        self.step = state["step"]

    def _next(self) -> tuple[Tensor, Tensor, Tensor]:
        """Percentage and position after the next step, and whether it is of one item."""
        position = (self.position + self.step).clamp(max=1)
        least = self.percent + 100 / self.n_items
        target = torch.maximum((100 * self.schedule(position)).round(decimals=9), least)
        single = target <= least + _SAME
        if single.any():
            position = torch.where(single, _position(self.schedule, target), position)
        return target, position, single


def begun(
    score: Score,
    cut: Cut,
    schedule: Schedule,
    *,
    n_items: int,
    percent: Tensor,
    gradients: Sequence[float],
) -> PercentilePruning:
    """Runs that begin with `percent` [R] of their items pruned, with steps of `gradients` [R] %."""
    step = torch.tensor(gradients, dtype=torch.float64) / 100
    position = _position(schedule, percent)
    return PercentilePruning(score, cut, schedule, n_items, percent, position, step)


def _position(schedule: Schedule, percent: Tensor) -> Tensor:
    """Where on the schedule so much is pruned: its inverse, by bisection."""
    low, high = torch.zeros_like(percent), torch.ones_like(percent)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        short = 100 * schedule(middle) < percent
        low, high = torch.where(short, middle, low), torch.where(short, high, middle)
    return high
