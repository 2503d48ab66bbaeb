"""Cut the recurrence of a layer: states without inputs, and states that feed nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.junction import add_state
from netsculpt.tracing.rules._parts.cells import Cell, State, row

__all__ = ["begin", "end"]


def begin(cell: Cell, initial: Sequence[Any]) -> tuple[State, list[bool]]:
    """Add or take the state before the first step; also, which parts of it recur.

    An activation is taken as it is; if it is the state after an earlier step, the recurrence
    continues. A constant, like zeros, becomes a layer without inputs.
    """
    builder, state, recurs = cell.call.builder, [], []
    for letter, value in zip("hc", initial, strict=False):
        if isinstance(value, Activation):
            state.append(row(cell.call, value))
            later = [x for x in builder.states if not torch.isin(x[1].units, value.units).all()]
            recurs.append(len(later) < len(builder.states))
            builder.states = later
        else:
            width = value.value.shape[-1]
            start = builder.add_layer(f"{cell.name}.{letter} (state)", "state", (width,), width)
            state.append(Activation(torch.arange(start, start + width)[None]))
            recurs.append(True)
    return tuple(state), recurs


def end(cell: Cell, state: State, recurs: Sequence[bool], *, folded: bool) -> None:
    """Add a layer for the state after the last step, which feeds nothing.

    Where one step represents many, it is added now; otherwise at the end of the net, unless a
    later step takes it.
    """
    for letter, new, recurring in zip("hc", state, recurs, strict=False):
        name = f"{cell.name}.{letter} (next state)"
        if folded:
            add_state(cell.call.builder, new, name)
        elif recurring:
            cell.call.builder.states.append((name, new))
