"""Activations multiplied by numbers that do not depend on the inputs."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.call import Call

__all__ = ["scaled"]


def scaled(call: Call, given: Activation, factor: Tensor) -> Activation:
    """An activation times a factor that fits its shape.

    Units that are weighted sums and that nothing else takes are scaled where their edges arrive;
    otherwise the factor goes on with the activation, into the edges that leave.
    """
    factors = factor.double().broadcast_to(given.units.shape)
    if bool((factors == 1).all()):
        return call.passed(given)
    if call.private and _fold(call, given, factors):
        return call.passed(given)
    return Activation(given.units, given.factors * factors)


def _fold(call: Call, given: Activation, factors: Tensor) -> bool:
    """Scale the edges that arrive; not if a unit has different factors at its positions."""
    build = call.build
    present = given.units != NOTHING
    units, wanted = given.units[present].numpy(), factors[present].numpy()
    of_unit = np.ones(build.layers[-1].stop)
    of_unit[units] = wanted
    if (of_unit[units] != wanted).any():
        return False
    for at in np.unique(build.layer_of(units)).tolist():
        layer = build.layers[at]
        for edges in build.edges[at]:
            edges.scale(of_unit[layer.units], layer.start)
    return True
