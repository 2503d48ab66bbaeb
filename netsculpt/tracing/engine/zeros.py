"""Which elements of a value may differ from 0."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.program import Constant

__all__ = ["kept", "nonzero"]


def kept(weight: Constant) -> Tensor:
    """Which entries of a constant are kept: without a mask the nonzero ones."""
    return weight.value != 0 if weight.keep is None else weight.keep


def nonzero(value: Any, silent: Any = None) -> Any:
    """1.0 where a value may differ from 0, else 0.0; of several values, one for each.

    `silent` is where an activation is 0 because nothing arrives there, if that is known. A weight
    that is kept may differ from 0. What is not a tensor is returned as it is.
    """
    if isinstance(value, list | tuple):
        parts = silent if isinstance(silent, list | tuple) else [None] * len(value)
        return tuple(nonzero(x, y) for x, y in zip(value, parts, strict=True))
    if isinstance(value, Constant):
        return kept(value).float()
    if not isinstance(value, Activation):
        return value
    passes = torch.ones(value.shape, dtype=torch.float32)
    for mask in (value.zero, silent):
        passes = passes if mask is None else passes.masked_fill(mask, 0.0)
    return passes
