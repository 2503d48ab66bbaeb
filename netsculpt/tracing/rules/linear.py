"""Products with a weight matrix: a new layer, or a copy of it per row of units."""

from __future__ import annotations

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.uneven import even
from netsculpt.tracing.rules._parts.copies import apply

__all__ = ["linear"]

OPS = ("linear",)


def linear(call: Call) -> Activation:
    """One unit per row of the weight, shared by all positions with the same units."""
    activation = call.activation(0)
    return apply(call, even(call, activation, [len(activation.shape) - 1]), call.constant(1))
