"""Size of a unit's weights."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from netsculpt.training.sculpting.parts.net_stack import NetStack
from netsculpt.training.sculpting.replicas import Replicas
from netsculpt.training.tasks import Task

__all__ = ["magnitude"]


def magnitude(replicas: Replicas | NetStack, task: Task) -> Tensor:  # noqa: ARG001 - one signature
    r"""L1 norm of incoming × L1 norm of outgoing weights [R, hidden units]; 0 for pruned units.

    Equal to the sum of \|weight × weight\| over all paths of two edges through the unit.
    """
    if isinstance(replicas, NetStack):
        parts = replicas.parts
        sizes = parts.layout.flat(replicas.parameters).abs().cpu()
        product = parts.writes.sums(sizes, parts.n_all) * parts.reads.sums(sizes, parts.n_all)
        return product[:, : parts.n_units]
    names = replicas.weights
    weights = [replicas.parameters[name].abs() for name in names]
    return torch.cat([before.sum(2) * after.sum(1) for before, after in pairwise(weights)], dim=1)
