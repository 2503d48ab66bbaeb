"""The last stage of pruning: each edge is tried alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from netsculpt.core.errors import FormatError
from netsculpt.training.sculpting.cuts import without_edges
from netsculpt.training.sculpting.edge_scores.weight_gradient import weight_gradient
from netsculpt.training.sculpting.percentile_pruning import Cut
from netsculpt.training.tasks import Task

__all__ = ["SingleEdgePruning"]


@dataclass(eq=False)
class SingleEdgePruning:
    r"""Prunes the untried edge that matters least, by \|weight × gradient\|.

    Pruning by magnitude stops at the first small weight that is needed, and leaves larger weights
    that contribute nothing. Here every edge is tried once; a run ends when all have been tried.
    """

    untried: Tensor  # bool [R, edges] kept edges that have not been tried yet
    cut: Cut = without_edges

    def propose(self, replicas: Any, task: Task) -> Any:
        """The replicas without the untried edge that matters least."""
        scores = weight_gradient(replicas, task).masked_fill(~self.untried, torch.inf)
        chosen = torch.zeros_like(self.untried).scatter(1, scores.argmin(1, keepdim=True), True)
        self.untried = self.untried & ~chosen
        return self.cut(replicas, ~chosen)

    def settle(self, accepted: Tensor) -> Tensor:  # noqa: ARG002 - needed or not, it was tried
        """Drop runs without untried edges, and return which stay."""
        active = self.untried.any(1)
        self.untried = self.untried[active]
        return active.cpu()

    def check(self) -> None:
        """Raise unless every run has an edge left to try."""
        if not self.untried.any(1).all():
            raise FormatError("a run has no edge left to try")
