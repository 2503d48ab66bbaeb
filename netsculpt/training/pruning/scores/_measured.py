"""What scores that estimate the effect of a removal share: the net as it is, in eval mode."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from netsculpt.nets.frozen import double, frozen_copy
from netsculpt.nets.prunable import prunable
from netsculpt.training.fitting.batches import Batches

__all__ = ["measured_copy", "shares"]


@contextmanager
def measured_copy(net: nn.Module) -> Iterator[nn.Module]:
    """A copy in float64 and eval mode, of which only the weights have gradients."""
    made = frozen_copy(net)
    for weight in prunable(made).values():
        weight.requires_grad_(True)
    with torch.enable_grad():
        yield made


def shares(batches: Batches) -> Iterator[tuple[float, Tensor, Tensor]]:
    """Share of the samples, inputs, and targets of each batch, in float64."""
    for inputs, targets in batches:
        yield len(inputs) / batches.n_samples, inputs.double(), double(targets)
