"""Choices by a mask: elements that are always the same have no unit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from netsculpt.tracing.engine.activation import HIDES, NOTHING, Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.program import Constant
from netsculpt.tracing.rules._parts.meeting import meet
from netsculpt.tracing.rules._parts.scaling import switched_off

__all__ = ["masking"]

OPS = ("masked_fill", "masked_select", "nonzero", "tril", "triu", "where")


def masking(call: Call) -> Activation:
    """Units and factors of the first value where the mask is True, else of the second.

    A mask that depends on the inputs leaves both possible. It makes edges itself unless it is one
    of tokens or of inputs of whole numbers: those say what is padding.
    """
    name, shape = call.op.name, call.op.shape
    mask: Any
    one: Any
    two: Any
    if name in ("tril", "triu"):
        corner, everywhere = getattr(torch, name), torch.ones(shape, dtype=torch.bool)
        mask = Constant(corner(everywhere, call.arg(1, "diagonal", 0)))
        one, two = call.args[0], 0.0
    elif name == "masked_fill":
        two, mask, one = call.args
    elif name == "where" and len(call.args) == 3:
        mask, one, two = call.args
    else:
        raise call.refusal(
            "how many elements it returns depends on its mask, so the net has no fixed shape. "
            "Multiply by the mask instead, as in a dense form of the layer"
        )
    if not isinstance(mask, Constant):
        return _open(call, mask, [x for x in (one, two) if isinstance(x, Activation)])
    nothing = Activation(torch.tensor(NOTHING))
    fills = [_fills(x, shape) for x in (one, two)]
    one, two = ((x if isinstance(x, Activation) else nothing).broadcast(shape) for x in (one, two))
    one, two = (
        x if fill is None else replace(x, factor=fill)
        for x, fill in zip((one, two), fills, strict=True)
    )
    scaled = one.factor is not None or two.factor is not None
    chosen = mask.value.bool()
    factor = torch.where(chosen, one.factors, two.factors) if scaled else None
    made = Activation(torch.where(chosen, one.units, two.units), factor, call.private)
    zero = made.zero
    if zero is not None:
        for x in (one, two):
            switched_off(call, x, zero)
    return made


def _fills(value: Any, shape: tuple[int, ...]) -> Tensor | None:
    """Factors of a constant: −∞ where softmax makes it 0, 0 where it is; None: 1 everywhere."""
    if isinstance(value, Activation):
        return None
    fill = value.value if isinstance(value, Constant) else torch.as_tensor(value)
    learned = isinstance(value, Constant) and value.parameter is not None
    factor = torch.ones(fill.shape, dtype=torch.float64).masked_fill(fill <= HIDES, -torch.inf)
    factor = factor if learned else factor.masked_fill(fill == 0, 0.0)
    return factor.broadcast_to(shape) if bool((factor != 1).any()) else None


def _open(call: Call, mask: Activation, values: list[Activation]) -> Activation:
    """Either value at each element, and what the mask depends on."""
    if call.builder.is_logic(mask):
        call.leave_out("a mask that depends on the inputs: nothing is taken to be padding")
    else:
        values = [Activation(mask.units), *values]
    spread = [x.broadcast(call.op.shape) for x in values]
    if spread and all(torch.equal(x.units, spread[0].units) for x in spread):
        single = len(spread) == 1
        return replace(spread[0], private=False) if single else Activation(spread[0].units)
    return meet(call, values)
