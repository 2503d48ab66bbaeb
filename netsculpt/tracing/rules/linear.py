"""Products with a weight matrix: a new layer, or a copy of it per row of units."""

from __future__ import annotations

from string import ascii_letters

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.uneven import even
from netsculpt.tracing.rules._parts.contraction import contract
from netsculpt.tracing.rules._parts.copies import apply

__all__ = ["linear"]

OPS = ("linear",)


def linear(call: Call) -> Activation:
    """One unit per row of the weight, shared by all positions with the same units.

    A weight that is not a parameter may mix positions.
    """
    activation, weight = call.activation(0), call.constant(1)
    if weight.parameter is None:
        left = ascii_letters[: len(activation.shape)]
        return contract(call, left, f"Z{left[-1]}", f"{left[:-1]}Z", activation, weight)
    return apply(call, even(call, activation, [len(activation.shape) - 1]), weight)
