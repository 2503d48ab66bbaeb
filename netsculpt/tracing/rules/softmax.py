"""Softmax at the end of a net: like a norm, it makes no edges between the units that it weighs."""

from __future__ import annotations

from dataclasses import replace

from netsculpt.tracing._values import Activation, Call

__all__ = ["softmax"]

OPS = ("softmax", "_softmax", "log_softmax", "_log_softmax")


def softmax(call: Call) -> Activation:
    """The same units, where nothing comes after it."""
    if not call.last:
        raise call.refusal(
            "it weighs units against each other, which has a rule only where it is the output"
        )
    return replace(call.activation(), private=False)
