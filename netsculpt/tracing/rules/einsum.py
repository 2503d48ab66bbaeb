"""Einsum: products of operands, two at a time, or one with its dimensions permuted."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters
from typing import Any

import torch

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.zeros import nonzero
from netsculpt.tracing.rules._parts.contraction import contract
from netsculpt.tracing.rules._parts.hushing import hear

__all__ = ["einsum"]

OPS = ("einsum",)


def einsum(call: Call) -> Activation:
    """The value of the equation, with letters in the place of its dots."""
    operands = call.args[1]
    parts, out = _lettered(call.args[0].replace(" ", ""), [len(x.shape) for x in operands])
    if len(parts) > 1:
        return _product(call, parts, out, operands)
    if sorted(parts[0]) != sorted(set(out)):
        raise call.refusal(f"{parts[0]}->{out} is more than a permutation of dimensions")
    order = [parts[0].index(letter) for letter in out]
    operand: Activation = operands[0]
    return call.passed(operand.changed(lambda x: x.permute(order)))


def _product(call: Call, parts: list[str], out: str, operands: Sequence[Any]) -> Activation:
    """The product of the first activation and the others, one after the other."""
    heard = [hear(call, x, n, 1) for n, x in enumerate(operands)]
    several = len(call.activations) > 1
    first = next(n for n, x in enumerate(operands) if isinstance(x, Activation))
    order = [first, *(n for n in range(len(parts)) if n != first)]
    letters, value, passes = parts[first], operands[first], heard[first]
    for place, n in enumerate(order[1:], start=2):
        later = {*out, *(x for m in order[place:] for x in parts[m])}
        both = dict.fromkeys(letters + parts[n])
        kept = out if place == len(order) else "".join(x for x in both if x in later)
        made = contract(
            call, letters, parts[n], kept, value, operands[n], passes=(passes, heard[n])
        )
        if several and place < len(order):
            one = nonzero(value) if passes is None else passes
            two = nonzero(operands[n]) if heard[n] is None else heard[n]
            passes = (torch.einsum(f"{letters},{parts[n]}->{kept}", one, two) != 0).float()
        letters, value = kept, made
    result: Activation = value
    return result


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
