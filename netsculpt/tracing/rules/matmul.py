"""Matrix products: a layer with a parameter, a junction of two activations."""

from __future__ import annotations

from dataclasses import replace
from string import ascii_letters

import torch

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.junction import junction
from netsculpt.tracing.rules._parts.contraction import contract
from netsculpt.tracing.rules._parts.hushing import hear
from netsculpt.tracing.rules._parts.scaling import scale

__all__ = ["matmul"]

OPS = ("matmul", "mm", "bmm", "mv", "addmm", "addmv", "baddbmm")


def matmul(call: Call) -> Activation:
    """The product, or its sum with the first argument."""
    first = 1 if call.op.name in ("addmm", "addmv", "baddbmm") else 0
    one, two = call.args[first : first + 2]
    left, right, out = _letters(len(one.shape), len(two.shape))
    passes = hear(call, one, first), hear(call, two, first + 1)
    product = contract(call, left, right, out, one, two, passes=passes)
    return _with_added(call, product) if first else product


def _with_added(call: Call, product: Activation) -> Activation:
    """β · the first argument + α · the product."""
    added = call.args[0]
    alpha, beta = (float(call.op.kwargs.get(name, 1)) for name in ("alpha", "beta"))
    # the product is of this call alone: α multiplies the edges into it
    product = scale(replace(call, private=product.private), product, torch.tensor(alpha))
    if not beta:
        return product
    if not isinstance(added, Activation):
        return product.without(added.value == -torch.inf)
    factors = None if beta == 1 and added.factor is None else added.factors * beta
    spread = Activation(added.units, factors).broadcast(call.op.shape)
    return junction(call.builder, [spread, product], f"{call.junction_name}.sum")


def _letters(one: int, two: int) -> tuple[str, str, str]:
    """Einsum letters of two operands with these numbers of dimensions, and of their product."""
    batch = ascii_letters[: max(one, two, 2) - 2]
    left = (batch + "yz")[-one:] if one > 1 else "z"
    right = (batch + "zx")[-two:] if two > 1 else "z"
    return left, right, batch + "y" * (one > 1) + "x" * (two > 1)
