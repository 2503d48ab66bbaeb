"""Softmax: along positions like a norm; along units each of them feeds the sum of all."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from netsculpt.tracing.engine.activation import NOTHING, Activation, of_nothing
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.choice import Ranked
from netsculpt.tracing.engine.junction import junction
from netsculpt.tracing.rules._parts.meeting import any_along

__all__ = ["softmax"]

OPS = ("softmax", "_softmax", "log_softmax", "_log_softmax", "_safe_softmax")


def softmax(call: Call) -> Activation:
    """The same units; along different units a junction of each and of the sum, unless it is last.

    A softmax of one element is 1, which comes from no unit, unless it is an output. As an output,
    softmax leaves the units as they are, unless norms are "dense": what their sum couples is left
    out, as the provenance says.
    """
    activation = call.activation().shifted()
    if isinstance(activation, Ranked):
        alone = activation.shape[call.arg(1, "dim")] == 1 and not call.last
        whole = of_nothing(activation.whole.shape) if alone else _coupled(call, activation.whole)
        return Ranked.of(whole, tuple(activation.shape))
    return _coupled(call, activation)


def _without_ones(activation: Activation, zero: Tensor, dim: int) -> Activation:
    """The activation without the units of which softmax makes 1, as all others are −∞."""
    single = (~zero).sum(dim, keepdim=True) == 1
    return activation.without(single & ~zero).shifted() if bool(single.any()) else activation


def _coupled(call: Call, activation: Activation) -> Activation:
    dim = call.arg(1, "dim") % activation.units.ndim
    call.check_samples([dim])
    one = activation.units.amax(dim, keepdim=True)
    hidden = activation.units == NOTHING
    zero = hidden & (activation.factors == -torch.inf)
    alone = not bool(((activation.units != one) & ~hidden).any())
    readout = call.last and call.builder.options.norms == "scale"
    if not call.last:
        activation = _without_ones(activation, zero, dim)
        hidden = activation.units == NOTHING
    if readout and not alone:
        call.leave_out("a softmax of outputs couples all of them: norms='dense' makes its edges")
    if readout or alone:
        same = replace(activation, private=False)
        return same.hidden(zero, 0.0) if bool(zero.any()) else same
    total = any_along(call, activation, [dim], positions=False)
    spread = total.broadcast(activation.units.shape).without(hidden)
    made = junction(call.builder, [activation, spread], call.junction_name)
    return made.hidden(zero, 0.0) if bool(zero.any()) else made
