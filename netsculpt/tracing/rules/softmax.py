"""Softmax: like a norm, it makes no edges between the elements that it weighs."""

from __future__ import annotations

from dataclasses import replace

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.call import Call

__all__ = ["softmax"]

OPS = ("softmax", "_softmax", "log_softmax", "_log_softmax")


def softmax(call: Call) -> Activation:
    """The same units, along positions of one unit or where nothing comes after it."""
    given = call.activation()
    one = given.units.amax(call.arg(1, "dim"), keepdim=True)
    if not call.last and bool(((given.units != one) & (given.units != NOTHING)).any()):
        raise call.refusal(
            "it weighs different units against each other, which has a rule only where it is the "
            "output"
        )
    return replace(given, private=False)
