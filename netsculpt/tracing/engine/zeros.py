"""Which elements of a value may differ from 0."""

from __future__ import annotations

from typing import Any

import torch

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.program import Constant

__all__ = ["nonzero"]


def nonzero(value: Any, silent: Any = None) -> Any:
    """1.0 where a value may differ from 0, else 0.0; of several values, one for each.

    `silent` is where an activation is 0 because nothing arrives there, if that is known. A weight
    that is kept may differ from 0. What is not a tensor is returned as it is.
    """
    if isinstance(value, list | tuple):
        parts = silent if isinstance(silent, list | tuple) else [None] * len(value)
        return tuple(nonzero(x, y) for x, y in zip(value, parts, strict=True))
    if isinstance(value, Constant):
        return (value.value != 0 if value.keep is None else value.keep).float()
    if not isinstance(value, Activation):
        return value
    passes = torch.ones(value.shape, dtype=torch.float32)
    for mask in (value.zero, silent):
        passes = passes if mask is None else passes.masked_fill(mask, 0.0)
    return passes
