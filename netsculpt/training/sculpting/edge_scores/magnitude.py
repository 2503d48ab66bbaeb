"""Size of a weight."""

from __future__ import annotations

import torch
from torch import Tensor

from netsculpt.training.sculpting.replicas import Replicas
from netsculpt.training.tasks import Task

__all__ = ["magnitude"]


def magnitude(replicas: Replicas, task: Task) -> Tensor:  # noqa: ARG001 - scores share a signature
    r"""\|weight\| [R, weights], on the same scale in all layers.

    Han et al., "Learning both weights and connections", arXiv:1506.02626. Neural Sculpting prunes
    edges by it.
    """
    flat = [replicas.parameters[name].abs().flatten(1) for name in replicas.weights]
    return torch.cat(flat, dim=1)
