"""The result of every pruning method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from netsculpt.training.pruning.report import PruningReport

__all__ = ["Pruned"]


@dataclass(frozen=True, eq=False)
class Pruned:
    """Masks, and what they leave of the net."""

    masks: dict[str, Tensor]  # True = kept, by parameter
    report: PruningReport
    method: str
    density: float  # requested; the report has the one reached
    seed: int | None  # repeats the pruning; None: it was drawn by a generator
    details: Mapping[str, Any]  # JSON-able

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able."""
        return {
            "method": self.method,
            "asked": self.density,
            "seed": self.seed,
            **self.details,
            **self.report.summary(),
        }
