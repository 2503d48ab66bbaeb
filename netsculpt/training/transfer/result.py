"""What a transfer came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netsculpt.training.tasks import Bits, Classes, Goal, Task
from netsculpt.training.transfer.parts import Parts

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Transferred", "best_of", "transferred"]

_AT_ONCE = 1024  # samples


@dataclass(frozen=True, eq=False)
class Transferred:
    """A net with a new head for a target task, and how well it does on samples of the test.

    What was chosen was chosen on validation samples; if `published`, on the test itself, as
    published code does, and then `accuracy` is too good.
    """

    net: nn.Module  # in eval mode, with its masks
    mode: str  # "linear" or "full"
    target: str
    right: NDArray[np.float64]  # [n_test] share of the answers of each sample that are right
    recalls: NDArray[np.float64]  # [classes] of every class in the test, 0 … 1
    chosen: Mapping[str, float]  # "l2", or "learning_rate" and "epoch"
    candidates: tuple[Mapping[str, float], ...]  # all that were compared, and how they did
    counts: Mapping[str, int]  # "n_train", "n_validation", "n_test"
    published: bool
    seed: int  # repeats the transfer

    @property
    def accuracy(self) -> float:
        """Share of right answers on the test samples, 0 … 1: top-1."""
        return float(self.right.mean())

    @property
    def class_accuracy(self) -> float:
        """Mean of the recalls of the classes, 0 … 1."""
        return float(self.recalls.mean())

    def table(self) -> pd.DataFrame:
        """One row per strength, or per learning rate at its best epoch."""
        import pandas as pd

        return pd.DataFrame([dict(row) for row in self.candidates])

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able."""
        return {
            "target": self.target,
            "mode": self.mode,
            "accuracy": self.accuracy,
            "class_accuracy": self.class_accuracy,
            "recalls": self.recalls.tolist(),
            "chosen": dict(self.chosen),
            "chosen_on": "test" if self.published else "validation",
            "candidates": [dict(row) for row in self.candidates],
            **self.counts,
            "seed": self.seed,
        }


def transferred(
    net: nn.Module,
    mode: str,
    parts: Parts,
    *,
    chosen: Mapping[str, float],
    candidates: list[dict[str, float]],
    seed: int,
) -> Transferred:
    """Measure a net on the test samples."""
    still = net.eval()
    with torch.no_grad():
        outputs = torch.cat([still(x) for x in torch.split(parts.test.inputs, _AT_ONCE)])
    correct = parts.test.goal.correct(outputs, parts.test.targets).cpu()
    return Transferred(
        still,
        mode,
        parts.test.name,
        correct.double().mean(dim=1).numpy(),
        _recalls(correct, parts.test),
        dict(chosen),
        tuple(candidates),
        parts.counts,
        parts.published,
        seed,
    )


def best_of(candidates: list[dict[str, float]]) -> int:
    """Index of the first of the best candidates: highest accuracy, then lowest loss."""
    keys = [(-row["accuracy"], row["loss"]) for row in candidates]
    return min(range(len(keys)), key=keys.__getitem__)


def _recalls(correct: Tensor, test: Task) -> NDArray[np.float64]:
    """Share of right answers by class, for the classes that the test has; answer by answer."""
    found = []
    for right, classes, n in zip(correct.T, test.targets.cpu().T, _sizes(test.goal), strict=True):
        own = [right[classes == number].double() for number in range(n)]
        found += [float(x.mean()) for x in own if len(x)]
    return np.array(found)


def _sizes(goal: Goal) -> tuple[int, ...]:
    if isinstance(goal, Bits):
        return (2,) * goal.n_bits
    assert isinstance(goal, Classes)
    return goal.sizes
