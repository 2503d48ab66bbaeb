"""Layers in which activations meet."""

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


def junction(build: Builder, given: Sequence[Activation], name: str) -> Activation:
    """A layer that joins activations of one shape: identity edges, a unit for each meeting.

    A meeting that lacks a unit, as at padding, is another position of the only one that has it.
    """
    units = np.stack([x.units.reshape(-1).numpy() for x in given])
    factors = np.stack([x.factors.reshape(-1).numpy() for x in given])
    key = np.zeros(units.shape[1], np.int64)
    for row in units:
        _, key = np.unique(key * (units.max(initial=0) + 2) + row - NOTHING, return_inverse=True)
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    if build.plan.granularity == "channel":
        place = completed(units[:, first].T)[place]
    if (factors[:, first][:, place] != factors)[units != NOTHING].any():
        raise TopologyError(
            f"a unit arrives at {name!r} multiplied by different factors at different positions: "
            "one factor a unit is needed. Trace the net without that multiplication"
        )
    held, begin, place = np.unique(place, return_index=True, return_inverse=True)
    order = np.argsort(begin)
    met, scale = units[:, first[held[order]]], factors[:, first[held[order]]]
    some = (met != NOTHING).any(axis=0)
    shape = given[0].units.shape
    start = build.add_layer(name, "junction", shape[1:], int(some.sum()))
    number = np.where(some, np.cumsum(some) - 1 + start, NOTHING)
    real = met != NOTHING
    stop = max(build.layers[-1].stop, 1)
    pair = met[real] * stop + np.broadcast_to(number, met.shape)[real]
    key, weight, _ = summed(pair, scale[real], np.ones(pair.size, np.int64))
    build.wire(key // stop, key % stop, weight)
    return Activation(torch.from_numpy(number[np.argsort(order)][place]).reshape(shape))


def add_state(build: Builder, state: Activation, name: str) -> None:
    """A layer that feeds nothing."""
    junction(build, [state], name)
    build.set_role(len(build.layers) - 1, "state")
