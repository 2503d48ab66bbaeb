"""The end of pruning: each edge is tried alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from netsculpt.training.sculpting.cuts import without_edges
from netsculpt.training.sculpting.edge_scores.weight_gradient import weight_gradient
from netsculpt.training.sculpting.replicas import Replicas
from netsculpt.training.tasks import Task

__all__ = ["SingleEdgePruning"]


@dataclass(eq=False)
class SingleEdgePruning:
    r"""Tries the edge that carries least, by \|weight × gradient\|, among those not yet tried.

    Pruning by magnitude stops at the first small weight that is needed, and leaves larger ones
    that carry nothing. Here every edge gets its turn, once; a run ends when all have had it.
    """

    untried: Tensor  # bool [R, weights] kept edges that wait for their turn

    def propose(self, replicas: Replicas, task: Task) -> Replicas:
        """The replicas without their idlest untried edge."""
        carried = weight_gradient(replicas, task).masked_fill(~self.untried, torch.inf)
        chosen = torch.zeros_like(self.untried).scatter(1, carried.argmin(1, keepdim=True), True)
        self.untried = self.untried & ~chosen
        return without_edges(replicas, ~chosen)

    def judge(self, reached: Tensor) -> Tensor:  # noqa: ARG002 - needed or not, it had its turn
        """Which runs go on. The others are forgotten."""
        going = self.untried.any(1)
        self.untried = self.untried[going]
        return going.cpu()

    def state(self) -> dict[str, Tensor]:
        """What `restore` needs."""
        return {"untried": self.untried.cpu()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on where `state` was given."""
        self.untried = state["untried"].to(self.untried.device)
