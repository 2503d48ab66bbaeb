"""How good a net is on samples."""

from __future__ import annotations

import torch
from torch import nn

from netsculpt.training.tasks import Task

__all__ = ["evaluated"]

_AT_ONCE = 1024  # samples


def evaluated(net: nn.Module, samples: Task) -> tuple[float, float]:
    """Accuracy and loss of a net on samples, in eval mode, in which it is left."""
    net.eval()
    right, total, loss = 0, 0, 0.0
    with torch.no_grad():
        batches = zip(
            torch.split(samples.inputs, _AT_ONCE),
            torch.split(samples.targets, _AT_ONCE),
            strict=True,
        )
        for inputs, targets in batches:
            logits = net(inputs)
            correct = samples.goal.correct(logits, targets)
            right, total = right + int(correct.sum()), total + correct.numel()
            loss += float(samples.goal.loss(logits, targets)) * len(inputs)
    return right / total, loss / samples.n_samples
