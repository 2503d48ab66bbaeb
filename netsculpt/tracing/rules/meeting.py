"""Maxima, minima and gates of two activations: a junction."""

from __future__ import annotations

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.junction import junction

__all__ = ["meeting"]

OPS = ("fmax", "fmin", "glu", "maximum", "minimum")


def meeting(call: Call) -> Activation:
    """A layer where two activations meet; a constant changes nothing."""
    if call.op.name == "glu":
        activation, dim = call.activation(), call.arg(1, "dim", -1)
        size = activation.shape[dim] // 2
        both = [
            activation.changed(lambda x, start=start: x.narrow(dim, start, size))  # type: ignore[misc]
            for start in (0, size)
        ]
    else:
        both = [x for x in call.args[:2] if isinstance(x, Activation)]
    if len(both) == 1:
        return Activation(both[0].broadcast(call.op.shape).units, None)
    return junction(call.builder, [x.broadcast(call.op.shape) for x in both], call.junction_name)
