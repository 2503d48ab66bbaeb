"""What can be trained with many metaparameters at once."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from netsculpt.training.parallelism.draws import Draws

__all__ = ["Running", "Workload"]


class Running(Protocol):
    """Trainings of one batch size, one for each of r draws."""

    def advance(self) -> None:
        """Train all by one step."""

    def errors(self) -> NDArray[np.float64]:
        """Validation errors [r]; NaN where a training diverged."""

    def keep(self, rows: NDArray[Any]) -> None:
        """Go on with some of them: boolean [r]."""


class Workload(Protocol):
    """Something to train."""

    @property
    def worst_error(self) -> float:
        """No validation error is larger: 1 if errors are shares of answers, ∞ without a bound."""

    def started(self, draws: Draws, batch_size: int) -> Running:
        """Trainings before their first step, in the order of the draws."""
