"""Einsum: the product of two operands, or one operand with its dimensions permuted."""

from __future__ import annotations

from string import ascii_letters

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.rules._parts.contraction import contract

__all__ = ["einsum"]

OPS = ("einsum",)


def einsum(call: Call) -> Activation:
    """The value of the equation, with letters in the place of its dots."""
    operands = call.args[1]
    if len(operands) > 2:
        raise call.refusal(f"it has {len(operands)} operands, a product of two is needed")
    parts, out = _lettered(call.args[0].replace(" ", ""), [len(x.shape) for x in operands])
    if len(parts) == 2:
        return contract(call, parts[0], parts[1], out, operands[0], operands[1])
    if sorted(parts[0]) != sorted(set(out)):
        raise call.refusal(f"{parts[0]}->{out} is more than a permutation of dimensions")
    order = [parts[0].index(letter) for letter in out]
    operand: Activation = operands[0]
    return call.passed(operand.changed(lambda x: x.permute(order)))


def _lettered(equation: str, n_dims: list[int]) -> tuple[list[str], str]:
    """The letters of each operand and of the result."""
    operands, arrow, out = equation.partition("->")
    free = [x for x in ascii_letters if x not in equation]
    parts = operands.split(",")
    dots = [n - len(part) + 3 for n, part in zip(n_dims, parts, strict=True) if "..." in part]
    spread = "".join(free[: max(dots, default=0)])
    n_dots = iter(dots)
    parts = [
        x.replace("...", spread[len(spread) - next(n_dots) :]) if "..." in x else x for x in parts
    ]
    once = (x for x in sorted("".join(parts)) if "".join(parts).count(x) == 1)
    implied = spread + "".join(x for x in once if x not in spread)
    return parts, out.replace("...", spread) if arrow else implied
