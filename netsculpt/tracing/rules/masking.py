"""Choices by a constant mask: elements that are always the same have no unit."""

from __future__ import annotations

from typing import Any

import torch

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.program import Constant

__all__ = ["masking"]

OPS = ("masked_fill", "tril", "triu", "where")


def masking(call: Call) -> Activation:
    """Units and factors of the first value where the mask is True, else of the second."""
    name, shape = call.op.name, call.op.shape
    mask: Any
    if name in ("tril", "triu"):
        corner, everywhere = getattr(torch, name), torch.ones(shape, dtype=torch.bool)
        mask = Constant(corner(everywhere, call.arg(1, "diagonal", 0)))
        one, two = call.args[0], None
    elif name == "masked_fill":
        two, mask, one = call.args
    elif len(call.args) == 3:
        mask, one, two = call.args
    else:
        raise call.refusal("how many elements it returns depends on its mask")
    if not isinstance(mask, Constant):
        raise call.refusal("its mask depends on the inputs: hold the mask in a buffer")
    nothing = Activation(torch.tensor(NOTHING))
    one, two = ((x if isinstance(x, Activation) else nothing).broadcast(shape) for x in (one, two))
    scaled = one.factor is not None or two.factor is not None
    factor = torch.where(mask.value, one.factors, two.factors) if scaled else None
    return Activation(torch.where(mask.value, one.units, two.units), factor, call.private)
