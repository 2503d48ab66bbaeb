"""Products with a weight matrix: a new layer, or a copy of it for each set of units."""

from __future__ import annotations

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.rules._parts.copies import copied

__all__ = ["linear"]

OPS = ("linear",)


def linear(call: Call) -> Activation:
    """A unit for each row of the weight; the same for all positions that hold the same units."""
    return copied(call, call.activation(0), call.constant(1))
