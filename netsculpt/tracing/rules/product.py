"""Products and quotients: a factor from a number, a junction of two activations."""

from __future__ import annotations

import torch

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.junction import junction
from netsculpt.tracing.program import Constant
from netsculpt.tracing.rules._parts.scaling import scale

__all__ = ["product"]

OPS = ("mul", "div")


def product(call: Call) -> Activation:
    """An activation with a factor, or a layer where two activations meet."""
    one, two = call.args[:2]
    if call.op.kwargs.get("rounding_mode") is not None:
        raise call.refusal("its quotient is rounded")
    if isinstance(one, Activation) and isinstance(two, Activation):
        both = [x.broadcast(call.op.shape) for x in (one, two)]
        if call.op.name == "mul" and torch.equal(both[0].units, both[1].units):  # like x · σ(x)
            plain = all(x.factor is None for x in both)
            return Activation(both[0].units, None if plain else both[0].factors * both[1].factors)
        return junction(call.builder, both, call.junction_name)
    if call.op.name == "div" and isinstance(two, Activation):
        return Activation(two.broadcast(call.op.shape).units)
    activation, number = (one, two) if isinstance(one, Activation) else (two, one)
    is_tensor = isinstance(number, Constant)  # a Python number keeps all its digits
    factor = number.value if is_tensor else torch.tensor(number, dtype=torch.float64)
    if call.op.name == "div":
        factor = 1 / factor.double()
    if not bool(torch.isfinite(factor).all()):
        raise call.refusal("an activation is multiplied by a number that is not finite")
    if isinstance(number, Constant) and number.parameter is not None:
        call.builder.factors[number.parameter] = {"kind": "factor"}
    activation = activation.broadcast(call.op.shape)
    if isinstance(number, Constant) and number.is_mask and call.op.name == "mul":
        return activation.without(number.value == 0)
    return scale(call, activation, factor)
