"""What a net does with some of its channels alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netsculpt.nets.gpt.net import GPT
from netsculpt.training.influence.circuits.ablating import ablated
from netsculpt.training.tasks import Task

__all__ = ["outcome"]


@torch.no_grad()
def outcome(
    net: GPT, samples: Task, kept: Mapping[str, NDArray[np.bool_]], fills: Mapping[str, Tensor]
) -> tuple[float, float]:
    """Loss and accuracy where the other channels are replaced by `fills`."""
    gates = {name: torch.from_numpy(mask).to(torch.float32) for name, mask in kept.items()}
    with ablated(net, gates, fills):
        logits = net(samples.inputs)
    goal, targets = samples.goal, samples.targets
    return float(goal.loss(logits, targets)), goal.accuracy(logits, targets)
