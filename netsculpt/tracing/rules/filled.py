"""What is filled or overwritten: constants, or what is copied there."""

from __future__ import annotations

import torch

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.program import Constant

__all__ = ["filled"]

_VALUES = {
    "zeros_like": 0,
    "ones_like": 1,
    "new_zeros": 0,
    "new_ones": 1,
    "zero": 0,
    "empty_like": 0,
    "new_empty": 0,  # whose values are overwritten
}
OPS = (*_VALUES, "copy", "fill", "full_like", "new_full")


def filled(call: Call) -> Activation | Constant:
    """What is put there, whatever was there before."""
    name = call.op.name
    if name in ("copy", "fill"):
        put = call.args[1]
        if isinstance(put, Activation):
            return call.passed(put).broadcast(call.op.shape)
        constant = put if isinstance(put, Constant) else Constant(torch.as_tensor(put))
        return constant.changed(lambda x: x.broadcast_to(call.op.shape))
    index = 1 if name == "full_like" else 2
    value = _VALUES[name] if name in _VALUES else call.arg(index, "fill_value")
    dtype = call.op.kwargs.get("dtype") or torch.get_default_dtype()
    return Constant(torch.full(call.op.shape, value, dtype=dtype))
