"""Which row of a table is taken, where that depends on values: as a code is the nearest one."""

from __future__ import annotations

import numpy as np
import torch

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.choice import Choice, Placed
from netsculpt.tracing.engine.columns import check_units
from netsculpt.tracing.engine.junction import join_sets
from netsculpt.tracing.engine.uneven import even
from netsculpt.tracing.rules._parts.meeting import any_along

__all__ = ["one_of"]


def one_of(call: Call, index: Choice | Placed, size: int) -> Activation:
    """A unit for each of `size` rows, along a new last dimension, that all compared units feed."""
    check_units(call)
    choice = index if isinstance(index, Choice) else index.choice
    of = even(call, choice.of, [])
    chosen = any_along(call, of, [choice.dim], positions=False)
    if len(choice.shape) < len(of.shape):
        chosen = chosen.changed(lambda x: x.squeeze(choice.dim))
    chosen = chosen.broadcast(choice.shape)
    for change in index.changes if isinstance(index, Placed) else ():
        chosen = chosen.changed(change)
    units, place = np.unique(chosen.units.numpy(), return_inverse=True)
    members = np.repeat(units, size)[:, None]
    numbers = place.reshape(*chosen.shape, 1) * size + np.arange(size)
    call.builder.check_room(call.junction_name, int((members != NOTHING).sum()))
    name = f"{call.junction_name}.choice"
    made = join_sets(call.builder, members, numbers, name, numbers.shape[1:])
    call.builder.input_dependent.append(call.builder.layers[-1].name)
    return Activation(torch.as_tensor(made.units))
