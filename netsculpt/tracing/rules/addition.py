"""Sums and differences: with constants nothing, of two activations a junction."""

from __future__ import annotations

from dataclasses import replace

import torch

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.junction import junction
from netsculpt.tracing.program import Constant
from netsculpt.tracing.rules._parts.scaling import scaled

__all__ = ["addition"]

OPS = ("add", "sub", "rsub")


def addition(call: Call) -> Activation:
    """The same units, or a layer in which two activations meet."""
    one, two = call.args[:2]
    alpha = float(call.arg(2, "alpha", 1))
    signs = {"add": (1.0, alpha), "sub": (1.0, -alpha), "rsub": (-alpha, 1.0)}[call.op.name]
    shape = call.op.shape
    if isinstance(one, Activation) and isinstance(two, Activation):
        both = [
            Activation(x.units, None if sign == 1 and x.factor is None else x.factors * sign)
            for x, sign in zip((one, two), signs, strict=True)
        ]
        return junction(call.build, [x.broadcast(shape) for x in both], call.junction_name)
    given, sign = (one, signs[0]) if isinstance(one, Activation) else (two, signs[1])
    given = given.broadcast(shape)
    added = two if isinstance(one, Activation) else one
    if isinstance(added, Constant):  # −∞, as masks of attention add: always −∞ then
        hidden = (added.value == -torch.inf).broadcast_to(shape)
        given = replace(given, units=given.units.masked_fill(hidden, NOTHING))
    return scaled(call, given, torch.tensor(sign))
