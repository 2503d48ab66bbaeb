"""Products and quotients: with numbers a factor, of two activations a junction."""

from __future__ import annotations

import torch

from netsculpt.tracing._edges import junction
from netsculpt.tracing._program import Constant
from netsculpt.tracing._scaling import scaled
from netsculpt.tracing._values import Activation, Call

__all__ = ["product"]

OPS = ("mul", "div")


def product(call: Call) -> Activation:
    """An activation with a factor, or a layer in which two meet."""
    one, two = call.args[:2]
    if call.op.name == "div" and (
        isinstance(two, Activation) or "rounding_mode" in call.op.options
    ):
        raise call.refusal("something is divided by an activation, or rounded")
    if isinstance(one, Activation) and isinstance(two, Activation):
        both = [x.broadcast(call.op.shape) for x in (one, two)]
        return junction(call.build, both, call.junction_name)
    given, number = (one, two) if isinstance(one, Activation) else (two, one)
    factor = number.value if isinstance(number, Constant) else torch.as_tensor(number)
    if call.op.name == "div":
        factor = 1 / factor.double()
    if not bool(torch.isfinite(factor).all()):
        raise call.refusal("an activation is multiplied by a number that is not finite")
    if isinstance(number, Constant) and number.parameter is not None:
        call.build.factors[number.parameter] = {"kind": "factor"}
    return scaled(call, given.broadcast(call.op.shape), factor)
