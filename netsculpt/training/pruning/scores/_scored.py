"""What scores share: their published rounds, batches, and a copy of the net to score."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from netsculpt.core.errors import FormatError
from netsculpt.core.random import RNG
from netsculpt.nets.prunable import prunable
from netsculpt.training.fitting.batches import Batches

__all__ = ["loss_gradients", "needed", "published_rounds", "scored_copy"]

Scoring = TypeVar("Scoring", bound=Callable[..., dict[str, Tensor]])


def published_rounds(n_rounds: int) -> Callable[[Scoring], Scoring]:
    """Declare over how many rounds the paper of a score prunes by it: its `published_rounds`."""

    def declare(score: Scoring) -> Scoring:
        score.published_rounds = n_rounds  # type: ignore[attr-defined]
        return score

    return declare


def needed(batches: Batches | None, score: str) -> Batches:
    """The batches, of a score that needs some."""
    if batches is None:
        raise FormatError(
            f"{score} scores weights on samples: give batches=Batches([(inputs, targets), …]), or "
            "batches_of(task, n_samples=…)"
        )
    return batches


@contextmanager
def scored_copy(net: nn.Module, rng: RNG) -> Iterator[nn.Module]:
    """A copy in train mode: norms use the batch's statistics, dropout draws from `rng`."""
    clone = copy.deepcopy(net).train()
    for parameter in clone.parameters():
        parameter.requires_grad_(True)
    seed = int(np.random.default_rng(rng).integers(2**63))
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.default_generator.manual_seed(seed)
        yield clone


def loss_gradients(net: nn.Module, batches: Batches) -> dict[str, Tensor]:
    """Signed gradient of the mean loss over all samples, by weight."""
    weights = prunable(net)
    total = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    for inputs, targets in batches:
        loss = batches.loss(net(inputs), targets) * (len(inputs) / batches.n_samples)
        gradients = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
        for name, gradient in zip(weights, gradients, strict=True):
            if gradient is not None:
                total[name] += gradient
    return total
