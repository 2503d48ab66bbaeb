"""A copy of a net to score: whatever is done to it, the net stays as it is."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from netsculpt.core.errors import FormatError
from netsculpt.core.random import RNG
from netsculpt.nets.prunable import prunable
from netsculpt.training.fitting.batches import Batches

__all__ = ["loss_gradients", "needed", "scored_copy"]


def needed(batches: Batches | None, score: str) -> Batches:
    """The batches of a score that cannot do without."""
    if batches is None:
        raise FormatError(
            f"{score} scores weights on samples: give batches=Batches([(inputs, targets), …]), or "
            "batches_of(task, n_samples=…)"
        )
    return batches


@contextmanager
def scored_copy(net: nn.Module, rng: RNG) -> Iterator[nn.Module]:
    """A copy that trains: norms use the batch's statistics, dropout draws from `rng`."""
    clone = copy.deepcopy(net).train()
    for parameter in clone.parameters():
        parameter.requires_grad_(True)
    seed = int(np.random.default_rng(rng).integers(2**63))
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.default_generator.manual_seed(seed)
        yield clone


def loss_gradients(net: nn.Module, batches: Batches) -> dict[str, Tensor]:
    """Gradient of the mean loss over all samples, signed, by weight."""
    weights = prunable(net)
    total = {name: torch.zeros_like(x) for name, x in weights.items()}
    for inputs, targets in batches:
        loss = batches.loss(net(inputs), targets) * (len(inputs) / batches.n_samples)
        found = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
        for name, gradient in zip(weights, found, strict=True):
            if gradient is not None:
                total[name] += gradient
    return total
