"""Size of a unit's weights."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from netsculpt.training.sculpting.replicas import Replicas
from netsculpt.training.tasks import Task

__all__ = ["magnitude"]


def magnitude(replicas: Replicas, task: Task) -> Tensor:  # noqa: ARG001 - scores share a signature
    r"""L1 norm of incoming × L1 norm of outgoing weights [R, hidden units]; 0 for pruned units.

    Equal to the sum of \|weight × weight\| over all paths of two edges through the unit.
    """
    names = replicas.weights
    weights = [replicas.parameters[name].abs() for name in names]
    return torch.cat([before.sum(2) * after.sum(1) for before, after in pairwise(weights)], dim=1)
