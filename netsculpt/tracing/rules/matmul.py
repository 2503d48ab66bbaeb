"""Matrix products: a layer with a parameter, a junction of two activations."""

from __future__ import annotations

from string import ascii_letters

import torch

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.junction import junction
from netsculpt.tracing.rules._parts.contraction import contract

__all__ = ["matmul"]

OPS = ("matmul", "mm", "bmm", "addmm", "baddbmm")


def matmul(call: Call) -> Activation:
    """The product, or its sum with the first argument."""
    first = 1 if call.op.name in ("addmm", "baddbmm") else 0
    one, two = call.args[first : first + 2]
    left, right, out = _letters(len(one.shape), len(two.shape))
    product = contract(call, left, right, out, one, two)
    return _with_added(call, product) if first else product


def _with_added(call: Call, product: Activation) -> Activation:
    added = call.args[0]
    if not {call.op.kwargs.get("alpha", 1), call.op.kwargs.get("beta", 1)} <= {1}:
        raise call.refusal("alpha and beta other than 1 have no rule")
    if isinstance(added, Activation):
        both = [added.broadcast(call.op.shape), product]
        return junction(call.builder, both, f"{call.junction_name}.sum")
    return product.without(added.value == -torch.inf)


def _letters(one: int, two: int) -> tuple[str, str, str]:
    """Einsum letters of two operands with these numbers of dimensions, and of their product."""
    batch = ascii_letters[: max(one, two, 2) - 2]
    left = (batch + "yz")[-one:] if one > 1 else "z"
    right = (batch + "zx")[-two:] if two > 1 else "z"
    return left, right, batch + "y" * (one > 1) + "x" * (two > 1)
