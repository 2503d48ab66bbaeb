"""Size of a weight."""

from __future__ import annotations

import torch
from torch import Tensor

from netsculpt.training.sculpting.parts.net_stack import NetStack
from netsculpt.training.sculpting.replicas import Replicas
from netsculpt.training.tasks import Task

__all__ = ["magnitude"]


def magnitude(replicas: Replicas | NetStack, task: Task) -> Tensor:  # noqa: ARG001 - one signature
    r"""\|weight\| [R, weights], on the same scale in all layers; of a kernel the mean.

    Han et al., "Learning both weights and connections", arXiv:1506.02626. Neural Sculpting prunes
    edges by it.
    """
    if isinstance(replicas, NetStack):
        parts = replicas.parts
        sizes = parts.layout.flat(replicas.parameters).abs().cpu()
        return parts.edge_sums(sizes) / parts.edge_sums(torch.ones(1, parts.layout.n_entries))
    flat = [replicas.parameters[name].abs().flatten(1) for name in replicas.weights]
    return torch.cat(flat, dim=1)
