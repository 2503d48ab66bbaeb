"""Sums and differences: a junction of two activations; a constant changes nothing."""

from __future__ import annotations

import torch

from netsculpt.tracing.engine.activation import HIDES, Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.program import Constant
from netsculpt.tracing.rules._parts.meeting import meet
from netsculpt.tracing.rules._parts.scaling import scale

__all__ = ["addition"]

OPS = ("add", "sub", "rsub")


def addition(call: Call) -> Activation:
    """The same units, or a layer where two activations meet."""
    one, two = call.args[:2]
    alpha = float(call.arg(2, "alpha", 1))
    signs = {"add": (1.0, alpha), "sub": (1.0, -alpha), "rsub": (-alpha, 1.0)}[call.op.name]
    shape = call.op.shape
    if isinstance(one, Activation) and isinstance(two, Activation):
        both = [
            Activation(x.units, None if sign == 1 and x.factor is None else x.factors * sign)
            for x, sign in zip((one, two), signs, strict=True)
        ]
        return meet(call, both)
    first = isinstance(one, Activation)
    activation, constant, sign = (one, two, signs[0]) if first else (two, one, signs[1])
    activation = activation.broadcast(shape)
    if isinstance(constant, Constant):  # −∞, as attention masks add, makes the sum always −∞
        hidden = constant.value == -torch.inf
        if constant.parameter is None:
            hidden = constant.value <= HIDES
        if bool(hidden.any()):
            activation = activation.hidden(hidden, -torch.inf)
    return scale(call, activation, torch.tensor(sign, dtype=torch.float64))
