"""Complex numbers: one unit for the two parts of a number."""

from __future__ import annotations

from dataclasses import replace

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.rules._parts.meeting import meet

__all__ = ["complex_numbers"]

OPS = ("complex", "polar", "view_as_complex", "view_as_real")


def complex_numbers(call: Call) -> Activation:
    """A unit that both parts feed; both parts of its number are that unit."""
    if call.op.name == "view_as_real":
        pairs = call.activation().changed(lambda x: x[..., None].expand(call.op.shape))
        return replace(pairs, private=False)
    if call.op.name == "view_as_complex":
        activation = call.activation()
        parts = [activation.changed(lambda x, at=at: x[..., at]) for at in (0, 1)]  # type: ignore[misc]
        return meet(call, parts)
    return meet(call, call.activations)
