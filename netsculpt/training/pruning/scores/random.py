"""Random numbers: the control for every other score."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from netsculpt.core.declared import varies_with
from netsculpt.core.random import RNG
from netsculpt.nets.prunable import prunable
from netsculpt.training.fitting.batches import Batches

__all__ = ["random"]


@varies_with("seed")
def random(
    net: nn.Module,
    batches: Batches | None = None,  # noqa: ARG001 - scores share a signature
    *,
    rng: RNG = None,
) -> dict[str, Tensor]:
    """Draw scores from N(0, 1).

    >>> net = nn.Linear(2, 1)
    >>> [x.shape for x in random(net, rng=0).values()]
    [torch.Size([1, 2])]
    """
    generator = np.random.default_rng(rng)
    return {
        name: torch.from_numpy(generator.standard_normal(weight.shape)).to(weight.device)
        for name, weight in prunable(net).items()
    }
