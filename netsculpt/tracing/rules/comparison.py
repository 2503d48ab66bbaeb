"""Comparisons and logic: of inputs, which are masks of padding, left out; else a junction."""

from __future__ import annotations

import torch

from netsculpt.tracing.engine.activation import NOTHING, Activation, of_nothing
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.program import Constant, leaves
from netsculpt.tracing.rules._parts.meeting import meet

__all__ = ["comparison"]

_BOTH = ("__and__", "bitwise_and", "logical_and", "__or__", "bitwise_or", "logical_or")
OPS = (
    *("eq", "ge", "gt", "isin", "le", "lt", "ne", "isnan", "isinf", "isfinite", "isneginf"),
    *("equal", "greater", "greater_equal", "less", "less_equal", "not_equal", "isposinf"),
    *("bitwise_not", "logical_not", "__xor__", "bitwise_xor", "logical_xor", *_BOTH),
)


def comparison(call: Call) -> Activation | Constant:
    """The units that are compared; none of tokens and of inputs that are masks.

    Of a constant mask and one that comes from the inputs, the constant one stays: nothing is
    taken to be padding.
    """
    activations = call.activations
    if all(call.builder.is_logic(x) for x in activations):
        tokens = any(bool((x.units < NOTHING).any()) for x in activations)
        constants = [x for x in leaves(call.args) if isinstance(x, Constant)]
        if call.op.name in _BOTH and constants and constants[0].value.dtype == torch.bool:
            call.leave_out("a mask that depends on the inputs: nothing is taken to be padding")
            return constants[0].changed(lambda x: x.broadcast_to(call.op.shape))
        if tokens:
            call.leave_out("logic on tokens makes no edges: nothing is taken to be padding")
        if tokens or all(x.is_empty for x in activations):
            return of_nothing(call.op.shape)
    plain = [Activation(x.units) for x in activations]
    return meet(call, plain)
