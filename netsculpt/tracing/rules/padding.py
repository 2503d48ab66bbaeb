"""Padding: elements that belong to no unit, or to those at the border."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.call import Call

__all__ = ["padding"]

OPS = ("constant_pad_nd", "pad")


def padding(call: Call) -> Activation:
    """Units and factors, padded alike."""
    given, sizes = call.activation(), list(call.args[1])
    mode = call.arg(2, "mode", "constant") if call.op.name == "pad" else "constant"

    def padded(x: Tensor, fill: float) -> Tensor:
        # in float64, which holds every unit exactly: not all modes take integers
        value = fill if mode == "constant" else None
        return functional.pad(x.double(), sizes, mode, value)

    factor = None if given.factor is None else padded(given.factor, 1.0)
    return Activation(padded(given.units, NOTHING).to(torch.int64), factor, call.private)
