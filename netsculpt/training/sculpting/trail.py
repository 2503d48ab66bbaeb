"""What happened in the rounds of a sculpting: scores of what was tried, and when weights went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netsculpt.core.errors import FormatError
from netsculpt.training.sculpting.progress import STAGES, check_like
from netsculpt.training.sculpting.stack import Stack

__all__ = ["SCORES", "Round", "Rounds", "Trail"]

SCORES = ("train_loss", "train_accuracy", "held_out_loss", "held_out_accuracy")


@dataclass(frozen=True)
class Round:
    """One round of one run."""

    number: int  # among the rounds of all runs, from 1
    stage: str
    accepted: bool  # whether the retrained net took the place of the one before
    train_loss: float  # of the net that was tried, after its training, without noise
    train_accuracy: float
    held_out_loss: float
    held_out_accuracy: float


@dataclass(frozen=True, eq=False)
class Rounds:
    """The rounds of one run, and when it lost which weight."""

    rounds: tuple[Round, ...]
    removed: Mapping[str, Tensor]  # int32, of the shapes of the weights: the round; 0: kept

    def masks(self) -> Iterator[tuple[int, dict[str, Tensor]]]:
        """Yield (number, masks) of the round 0, in which all is kept, and of each that pruned."""
        numbers = {0}.union(*(np.unique(x.numpy()).tolist() for x in self.removed.values()))
        for number in sorted(numbers):
            yield number, {name: (x == 0) | (x > number) for name, x in self.removed.items()}


@dataclass(eq=False)
class Trail:
    """The same for all runs [R] of a sculpting, up to round T."""

    shapes: Mapping[str, tuple[int, ...]]  # of the weights
    stages: list[str]  # [T]
    scores: Tensor  # float64 [R, T, 4], see `SCORES`; NaN: the run was not in the round
    accepted: Tensor  # bool [R, T]
    removed: Tensor  # int32 [R, weights], the round; 0: kept

    @classmethod
    def beginning(cls, stack: Stack) -> Trail:
        """Of dense nets, before the first round."""
        shapes = {name: tuple(stack.masks[name].shape[1:]) for name in stack.weights}
        n_runs = stack.n_replicas
        return cls(
            shapes,
            [],
            torch.zeros(n_runs, 0, len(SCORES), dtype=torch.float64),
            torch.zeros(n_runs, 0, dtype=torch.bool),
            torch.zeros(n_runs, stack.n_weights, dtype=torch.int32),
        )

    def add(self, stage: str, rows: Tensor, scores: Tensor, accepted: Tensor, stack: Stack) -> None:
        """Note a round of the runs `rows`: scores [rows, 4], and all nets [R] after it."""
        self.stages.append(stage)
        column = torch.full((len(self.scores), 1, len(SCORES)), torch.nan, dtype=torch.float64)
        column[rows, 0] = scores
        self.scores = torch.cat([self.scores, column], dim=1)
        taken = torch.zeros(len(self.accepted), 1, dtype=torch.bool)
        taken[rows, 0] = accepted
        self.accepted = torch.cat([self.accepted, taken], dim=1)
        kept = torch.cat([stack.masks[name].flatten(1).cpu() for name in self.shapes], dim=1)
        self.removed[~kept & (self.removed == 0)] = len(self.stages)

    def take(self, rows: Tensor) -> None:
        """Leave only these runs, which may repeat."""
        self.scores, self.accepted = self.scores[rows], self.accepted[rows]
        self.removed = self.removed[rows]

    def rounds(self, row: int) -> Rounds:
        """The rounds of one run."""
        found = [
            Round(index + 1, stage, bool(self.accepted[row, index]), *values)
            for index, stage in enumerate(self.stages)
            if (values := self.scores[row, index].tolist())[-1] == values[-1]  # not NaN
        ]
        sizes = [int(torch.tensor(shape).prod()) for shape in self.shapes.values()]
        parts = torch.split(self.removed[row], sizes)
        named = zip(self.shapes.items(), parts, strict=True)
        return Rounds(tuple(found), {name: x.reshape(shape) for (name, shape), x in named})

    def stored(self) -> dict[str, Any]:
        """Tensors and strings that `restore` takes."""
        return {
            "stages": self.stages,
            "scores": self.scores,
            "accepted": self.accepted,
            "removed": self.removed,
        }

    def restore(self, stored: Mapping[str, Any], n_runs: int) -> None:
        """Resume from the result of `stored`, for so many runs; raises unless it fits them."""
        stages = list(stored["stages"])
        if not all(stage in STAGES for stage in stages):
            raise FormatError(f"its rounds are of the stages {stages!r:.80}")
        n_rounds = len(stages)
        check_like(stored["scores"], "scores", torch.float64, [n_runs, n_rounds, len(SCORES)])
        check_like(stored["accepted"], "accepted", torch.bool, [n_runs, n_rounds])
        check_like(stored["removed"], "removed", torch.int32, [n_runs, self.removed.shape[1]])
        if n_runs and ((stored["removed"] < 0) | (stored["removed"] > n_rounds)).any():
            raise FormatError("it lost weights in rounds that were not")
        if stored["scores"][:, :1].isnan().any():
            raise FormatError("it has no scores of its dense nets")
        # The same strings, not equal ones: a state is pickled to the same bytes.
        self.stages = [STAGES[STAGES.index(stage)] for stage in stages]
        self.scores, self.accepted = stored["scores"], stored["accepted"]
        self.removed = stored["removed"]
