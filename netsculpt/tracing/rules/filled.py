"""Constant tensors with the shape of an activation."""

from __future__ import annotations

import torch

from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.program import Constant

__all__ = ["filled"]

_VALUES = {"zeros_like": 0, "ones_like": 1, "new_zeros": 0, "new_ones": 1}
OPS = (*_VALUES, "full_like", "new_full")


def filled(call: Call) -> Constant:
    """The constant, whatever the values of the activation are."""
    name = call.op.name
    index = 1 if name == "full_like" else 2
    value = _VALUES[name] if name in _VALUES else call.arg(index, "fill_value")
    dtype = call.op.kwargs.get("dtype") or torch.get_default_dtype()
    return Constant(torch.full(call.op.shape, value, dtype=dtype))
