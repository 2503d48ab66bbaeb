"""Activations multiplied by numbers that do not depend on the inputs."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from netsculpt.tracing.engine.activation import NOTHING, Activation, factor_per_unit
from netsculpt.tracing.engine.call import Call

__all__ = ["scale", "switched_off"]


def scale(call: Call, activation: Activation, factor: Tensor) -> Activation:
    """Multiply an activation by a factor that broadcasts to its shape.

    If its units are weighted sums that nothing else takes, the edges into them are scaled;
    otherwise the activation carries the factor on, to the edges out of it. An element that is
    multiplied by 0 is always the same, and has no unit from here on.
    """
    factors = factor.double().broadcast_to(activation.shape)
    if bool((factors == 0).any()):
        activation = switched_off(call, activation, factors == 0)
        factors = factors.masked_fill(factors == 0, 1.0)
    if bool((factors == 1).all()):
        return call.passed(activation)
    if call.private and _fold(call, activation, factors):
        return call.passed(activation)
    return Activation(activation.units, activation.factors * factors)


def switched_off(call: Call, activation: Activation, zero: Tensor) -> Activation:
    """The activation where some elements are always 0; notes the units that it loses."""
    before, after = activation, activation.hidden(zero, 0.0)
    lost = np.setdiff1d(before.units.numpy(), [*np.unique(after.units.numpy()), NOTHING])
    call.builder.constant.extend(lost.tolist())
    return after


def _fold(call: Call, activation: Activation, factors: Tensor) -> bool:
    """Scale the edges into an activation, unless a unit has several factors; whether it did."""
    builder, units = call.builder, activation.units
    of_unit = factor_per_unit(units, factors, builder.layers[-1].stop)
    if of_unit is None:
        return False
    for index in np.unique(builder.layer_of(units[units != NOTHING].numpy())).tolist():
        layer = builder.layers[index]
        for edges in builder.edges[index]:
            edges.scale(of_unit[layer.units], layer.start)
    return True
