"""Choices by a constant mask: elements that are always the same have no unit."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.program import Constant

__all__ = ["masking"]

OPS = ("masked_fill", "tril", "triu", "where")


def masking(call: Call) -> Activation:
    """Units and factors, where the mask keeps them."""
    if call.op.name in ("tril", "triu"):
        corner = getattr(torch.ops.aten, call.op.name)
        ones = torch.ones(call.op.shape, dtype=torch.bool)
        kept = corner(ones, call.arg(1, "diagonal", 0))
        return _chosen(call, kept, call.args[0], None)
    if call.op.name == "masked_fill":
        unmasked, mask, filling = call.args
        return _chosen(call, _mask(call, mask), filling, unmasked)
    if len(call.args) != 3:
        raise call.refusal("how many elements it returns depends on its mask")
    mask, one, two = call.args
    return _chosen(call, _mask(call, mask), one, two)


def _mask(call: Call, mask: Any) -> Tensor:
    if not isinstance(mask, Constant):
        raise call.refusal("its mask depends on the inputs: hold the mask in a buffer")
    return mask.value


def _chosen(call: Call, mask: Tensor, one: Any, two: Any) -> Activation:
    """The first value where the mask is True, else the second."""
    nothing = Activation(torch.tensor(NOTHING))
    one, two = (
        (x if isinstance(x, Activation) else nothing).broadcast(call.op.shape) for x in (one, two)
    )
    scaled = one.factor is not None or two.factor is not None
    factor = torch.where(mask, one.factors, two.factors) if scaled else None
    return Activation(torch.where(mask, one.units, two.units), factor, call.private)
