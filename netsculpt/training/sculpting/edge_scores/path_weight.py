"""Total weight of the paths through an edge."""

from __future__ import annotations

import torch
from torch import Tensor

from netsculpt.training.sculpting.replicas import Replicas
from netsculpt.training.tasks import Task

__all__ = ["path_weight"]


def path_weight(replicas: Replicas, task: Task) -> Tensor:  # noqa: ARG001 - scores share a signature
    r"""Σ over the input–output paths through an edge of Π\|weight\| [R, weights].

    An edge into a unit without outputs, or from a unit without inputs, scores 0. With weights
    only this is SynFlow's score: Tanaka et al., arXiv:2006.05467, equation 2.
    """
    sizes = [replicas.parameters[name].abs() for name in replicas.weights]  # [R, out, in]
    into = [torch.ones_like(sizes[0][:, 0])]
    for size in sizes[:-1]:
        into.append((size @ into[-1][..., None])[..., 0])
    onward = [torch.ones_like(sizes[-1][:, :, 0])]
    for size in sizes[:0:-1]:
        onward.append((onward[-1][:, None] @ size)[:, 0])
    flat = [
        (size * before[:, None, :] * after[:, :, None]).flatten(1)
        for size, before, after in zip(sizes, into, reversed(onward), strict=True)
    ]
    return torch.cat(flat, dim=1)
