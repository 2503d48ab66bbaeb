"""What the activations of silenced units are replaced by."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from netsculpt.core.errors import FormatError

__all__ = ["ABLATIONS", "Ablation", "mean", "resample", "zero"]


class Ablation(Protocol):
    """From activations [n, K] to values that replace them: [D, n, K] or [D, 1, K] in D draws."""

    def __call__(self, activations: Tensor, *, n_draws: int, rng: np.random.Generator) -> Tensor:
        """Draw what is random `n_draws` times; D is 1 where nothing is."""
        ...


def zero(activations: Tensor, **_: Any) -> Tensor:
    """Zeros [1, 1, K]: units are silent. It takes nets to where no sample is.

    >>> zero(torch.ones(3, 2)).tolist()
    [[[0.0, 0.0]]]
    """
    return torch.zeros_like(activations[:1])[None]


def mean(activations: Tensor, **_: Any) -> Tensor:
    """The mean of each activation over all samples [1, 1, K].

    >>> mean(torch.tensor([[1.0], [3.0]])).tolist()
    [[[2.0]]]
    """
    return activations.mean(dim=0, keepdim=True)[None]


def resample(activations: Tensor, *, n_draws: int, rng: np.random.Generator) -> Tensor:
    """The activations in another sample, the same for all units [D, n, K].

    Each draw gives every sample the activations of a sample other than itself, and takes every
    sample once: distributions and correlations of the units stay as they are.

    >>> values = torch.tensor([[0.0], [1.0], [2.0]])
    >>> drawn = resample(values, n_draws=4, rng=np.random.default_rng(0))
    >>> drawn.shape, bool((drawn == values).any())
    (torch.Size([4, 3, 1]), False)
    """
    if len(activations) < 2:
        raise FormatError(
            f"{len(activations)} sample found: to resample there must be another one. Give more "
            "samples, or silence by 'zero' or 'mean'"
        )
    donors = []
    for _ in range(n_draws):
        order = rng.permutation(len(activations))
        donor = np.empty_like(order)
        donor[order] = np.roll(order, 1)  # one cycle through all samples
        donors.append(donor)
    return activations[torch.from_numpy(np.stack(donors)).to(activations.device)]


ABLATIONS: Mapping[str, Ablation] = MappingProxyType(
    {"zero": zero, "mean": mean, "resample": resample}
)
