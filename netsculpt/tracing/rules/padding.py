"""Padding: elements without a unit, or with the units at the border."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.call import Call

__all__ = ["padding"]

OPS = ("constant_pad_nd", "pad")


def padding(call: Call) -> Activation:
    """Units and factors, padded in the same way."""
    activation, sizes = call.activation(), list(call.args[1])
    mode = call.arg(2, "mode", "constant") if call.op.name == "pad" else "constant"

    def padded(x: Tensor, fill: float) -> Tensor:
        # in float64, which represents every unit exactly: not all modes take integers
        value = fill if mode == "constant" else None
        return functional.pad(x.double(), sizes, mode, value)

    factor = None if activation.factor is None else padded(activation.factor, 1.0)
    return Activation(padded(activation.units, NOTHING).to(torch.int64), factor, call.private)
