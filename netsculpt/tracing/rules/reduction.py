"""Means, sums and extremes over positions."""

from __future__ import annotations

import torch

from netsculpt.tracing._edges import SeveralInputs
from netsculpt.tracing._values import NOTHING, Activation, Call

__all__ = ["reduction"]

OPS = ("amax", "amin", "mean", "sum")


def reduction(call: Call) -> Activation:
    """The units that are the same at all positions that are reduced."""
    given = call.activation()
    dims = call.arg(1, "dim")
    if not isinstance(dims, list | tuple) or not dims or 0 in [x % given.units.ndim for x in dims]:
        raise call.refusal("it mixes the samples of a batch: name dimensions behind the first")
    units = given.units.amax(dims, keepdim=True)
    differ = (given.units != units) & (given.units != NOTHING)
    if bool(differ.any()):
        one, two = given.units[differ].numpy(), units.expand_as(given.units)[differ].numpy()
        if not (call.build.is_input(one) & call.build.is_input(two)).all():
            raise call.refusal("it joins different units, which has no rule")
        raise SeveralInputs(one, two)
    factor = None
    if given.factor is not None:
        present = given.units != NOTHING
        factor = given.factor.where(present, torch.inf).amin(dims, keepdim=True)
        if bool((given.factor != factor)[present].any()):
            raise call.refusal("positions of a unit were multiplied by different factors")
        factor = factor.where(units != NOTHING, 1.0).reshape(call.op.shape)
    linear = call.op.name in ("mean", "sum")
    return Activation(units.reshape(call.op.shape), factor, call.private and linear)
