"""Sums and differences: a junction of two activations; a constant changes nothing.

What is subtracted from itself is always 0, like what is multiplied by 0.
"""

from __future__ import annotations

import torch

from netsculpt.tracing.engine.activation import HIDES, Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.program import Constant
from netsculpt.tracing.rules._parts.meeting import meet
from netsculpt.tracing.rules._parts.outer import spread_apart
from netsculpt.tracing.rules._parts.scaling import scale, switched_off
from netsculpt.tracing.rules.moves import OPS as _MOVES

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
        return _met(call, both, cancels=signs[0] == -signs[1])
    first = isinstance(one, Activation)
    activation, constant, sign = (one, two, signs[0]) if first else (two, one, signs[1])
    spatial = call.builder.options.granularity == "spatial"
    activation = spread_apart(call, activation, constant, _MOVES, always=spatial)
    if isinstance(constant, Constant):  # −∞, as attention masks add, makes the sum always −∞
        hidden = constant.value == -torch.inf
        if constant.parameter is None:
            hidden = constant.value <= HIDES
        if bool(hidden.any()):
            activation = activation.hidden(hidden, -torch.inf)
    value = constant.value if isinstance(constant, Constant) else torch.as_tensor(constant)
    learned = isinstance(constant, Constant) and constant.parameter is not None
    moved = torch.ones(()) > 0 if learned else (value != 0) & (value > HIDES)
    activation = activation.shifted(moved.broadcast_to(shape))
    return scale(call, activation, torch.tensor(sign, dtype=torch.float64))


def _met(call: Call, both: list[Activation], *, cancels: bool) -> Activation:
    """The junction of two activations, without what is always 0: h − h, or 0 + 0."""
    both = [x.broadcast(call.op.shape) for x in both]
    same = call.same(_MOVES) if cancels else None
    if same is not None and bool(same.any()):
        both = [switched_off(call, x, same) for x in both]
    zeros = [x.zero for x in both]
    met = meet(call, both)
    if zeros[0] is None or zeros[1] is None:
        return met.shifted()
    return met.hidden(zeros[0] & zeros[1], 0.0)
