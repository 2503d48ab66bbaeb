"""Pruning up to a rising percentile: accept a step, halve it, or stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from netsculpt.core.errors import FormatError
from netsculpt.training.sculpting.cuts import above_percentile
from netsculpt.training.tasks import Task

__all__ = ["Cut", "PercentilePruning", "ReplicaScore", "Schedule"]

# Both take a stack of nets of some kind.
ReplicaScore = Callable[[Any, Task], Tensor]  # [R, items], the highest are kept; 0 if pruned
Cut = Callable[[Any, Tensor], Any]  # prunes all but the items to keep [R, items]
Schedule = Callable[[Tensor], Tensor]

_SAME = 1e-9  # percentages closer than this are equal
_BISECTIONS = 60


@dataclass(eq=False)
class PercentilePruning:
    """How far each run [R] is between nothing pruned and all pruned.

    A step moves the run's `position` along the schedule, but prunes at least one item. A rejected
    step is halved; a rejected step of one item ends the run. With `small_steps` the steps are as
    small as the schedule has them until the first rejected one, and a rejected step of less than
    one item ends the run, too.
    """

    score: ReplicaScore
    cut: Cut
    schedule: Schedule
    n_items: int  # units, or edges
    percent: Tensor  # float64 [R] percentile of the scores up to which items are pruned
    position: Tensor  # float64 [R] on the schedule, 0 … 1
    step: Tensor  # float64 [R] by which the position moves next
    rejected: Tensor  # bool [R] whether a step of the run was rejected before
    small_steps: bool = False

    @classmethod
    def starting_at(
        cls,
        score: ReplicaScore,
        cut: Cut,
        schedule: Schedule,
        *,
        n_items: int,
        percent: Tensor,
        gradients: Sequence[float],
        small_steps: bool = False,
    ) -> PercentilePruning:
        """Runs with `percent` [R] of their items pruned already and steps of `gradients` [R] %."""
        step = torch.tensor(gradients, dtype=torch.float64) / 100
        position, rejected = _position(schedule, percent), torch.zeros(step.shape, dtype=torch.bool)
        return cls(
            *(score, cut, schedule, n_items, percent, position, step, rejected),
            small_steps=small_steps,
        )

    def propose(self, replicas: Any, task: Task) -> Any:
        """The replicas after the next step."""
        scores = self.score(replicas, task)
        target, _, _ = self._next()
        return self.cut(replicas, above_percentile(scores, target.to(scores.device)))

    def settle(self, accepted: Tensor) -> Tensor:
        """Record which steps [R] were accepted, drop runs that end, and return which stay."""
        target, position, single = self._next()
        active = torch.where(accepted, target < 100, ~single)
        self.percent = torch.where(accepted, target, self.percent)[active]
        self.position = torch.where(accepted, position, self.position)[active]
        self.step = torch.where(accepted, self.step, self.step / 2)[active]
        self.rejected = (self.rejected | ~accepted)[active]
        return active

    def check(self) -> None:
        """Raise unless every run is between nothing pruned and all pruned."""
        good = (self.percent >= 0) & (self.percent < 100)
        good &= (self.position >= 0) & (self.position <= 1)
        good &= (self.step > 0) & (self.step <= 1)
        if not good.all():
            raise FormatError("its pruning is at no place of the schedule")

    def _next(self) -> tuple[Tensor, Tensor, Tensor]:
        """Percentage and position after the next step, and whether it is of one item or less."""
        position = (self.position + self.step).clamp(max=1)
        least = self.percent + 100 / self.n_items
        target = (100 * self.schedule(position)).round(decimals=9)
        raised = target < least
        if self.small_steps:
            raised = raised & self.rejected
        target = torch.where(raised, least, target)
        single = target <= least + _SAME
        if single.any():
            position = torch.where(single, _position(self.schedule, target), position)
        return target, position, single


def _position(schedule: Schedule, percent: Tensor) -> Tensor:
    """Position at which the schedule reaches a percentage: its inverse, by bisection."""
    low, high = torch.zeros_like(percent), torch.ones_like(percent)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        short = 100 * schedule(middle) < percent
        low, high = torch.where(short, middle, low), torch.where(short, high, middle)
    return high
