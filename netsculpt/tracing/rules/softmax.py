"""Softmax: like a norm, it makes no edges between the elements that it couples."""

from __future__ import annotations

from dataclasses import replace

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.call import Call

__all__ = ["softmax"]

OPS = ("softmax", "_softmax", "log_softmax", "_log_softmax")


def softmax(call: Call) -> Activation:
    """The same units; refused along different units, unless it is the output."""
    activation = call.activation()
    one = activation.units.amax(call.arg(1, "dim"), keepdim=True)
    if not call.last and bool(((activation.units != one) & (activation.units != NOTHING)).any()):
        raise call.refusal(
            "it couples different units, which has a rule only where it is the output"
        )
    return replace(activation, private=False)
