"""Layers where activations meet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from netsculpt.core.errors import TopologyError
from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.builder import Builder
from netsculpt.tracing.engine.edges import summed
from netsculpt.tracing.engine.rows import completed

__all__ = ["add_state", "junction"]


def junction(builder: Builder, activations: Sequence[Activation], name: str) -> Activation:
    """Add a layer that joins activations of one shape: identity edges, one unit per meeting.

    A meeting that lacks a unit, as at padding, is another position of the only one that has it.
    """
    units = np.stack([x.units.reshape(-1).numpy() for x in activations])
    factors = np.stack([x.factors.reshape(-1).numpy() for x in activations])
    key = np.zeros(units.shape[1], np.int64)
    for row in units:
        _, key = np.unique(key * (units.max(initial=0) + 2) + row - NOTHING, return_inverse=True)
    _, first, meeting = np.unique(key, return_index=True, return_inverse=True)
    if builder.options.granularity == "channel":
        meeting = completed(units[:, first].T)[meeting]
    if (factors[:, first][:, meeting] != factors)[units != NOTHING].any():
        raise TopologyError(
            f"a unit arrives at {name!r} multiplied by different factors at different positions: "
            "one factor per unit is needed. Trace the net without that multiplication"
        )
    held, begin, meeting = np.unique(meeting, return_index=True, return_inverse=True)
    order = np.argsort(begin)
    met, scale = units[:, first[held[order]]], factors[:, first[held[order]]]
    real = met != NOTHING
    has_units = real.any(axis=0)
    shape = activations[0].units.shape
    start = builder.add_layer(name, "junction", shape[1:], int(has_units.sum()))
    number = np.where(has_units, np.cumsum(has_units) - 1 + start, NOTHING)
    stop = max(builder.layers[-1].stop, 1)
    pair = met[real] * stop + np.broadcast_to(number, met.shape)[real]
    key, weight, _ = summed(pair, scale[real], np.ones(pair.size, np.int64))
    builder.wire(key // stop, key % stop, weight)
    return Activation(torch.from_numpy(number[np.argsort(order)][meeting]).reshape(shape))


def add_state(builder: Builder, state: Activation, name: str) -> None:
    """Add a layer that feeds nothing."""
    junction(builder, [state], name)
    builder.set_role(len(builder.layers) - 1, "state")
