"""What scores share: their batches, and a copy of the net to score."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from netsculpt.core.errors import FormatError
from netsculpt.core.random import RNG
from netsculpt.nets.copies import copy_of
from netsculpt.training.fitting.batches import Batches

__all__ = ["needed", "scored_copy"]


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
    clone = copy_of(net).train()
    for parameter in clone.parameters():
        parameter.requires_grad_(True)
    seed = int(np.random.default_rng(rng).integers(2**63))
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.default_generator.manual_seed(seed)
        yield clone
