"""Where the recurrence of a layer is cut: states that nothing feeds, states that feed nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.junction import add_state
from netsculpt.tracing.rules._parts.cells import Cell, State, row

__all__ = ["begun", "ended"]


def begun(cell: Cell, given: Sequence[Any]) -> tuple[State, list[bool]]:
    """The state before the first step, and which parts of it recur.

    What the net gives is taken; where that is the state after an earlier step, the recurrence goes
    on. What does not depend on the inputs, as zeros, is a layer that nothing feeds.
    """
    build, state, recurs = cell.call.build, [], []
    for letter, value in zip("hc", given, strict=False):
        if isinstance(value, Activation):
            state.append(row(cell.call, value))
            later = [x for x in build.states if not torch.isin(x[1].units, value.units).all()]
            recurs.append(len(later) < len(build.states))
            build.states = later
        else:
            width = value.value.shape[-1]
            start = build.add_layer(f"{cell.name}.{letter} (state)", "state", (width,), width)
            state.append(Activation(torch.arange(start, start + width)[None]))
            recurs.append(True)
    return tuple(state), recurs


def ended(cell: Cell, state: State, recurs: Sequence[bool], *, folded: bool) -> None:
    """Note the state after the last step, for a layer that feeds nothing.

    Where one step stands for many it is there whatever follows; else unless a later step takes it.
    """
    for letter, new, wanted in zip("hc", state, recurs, strict=False):
        name = f"{cell.name}.{letter} (next state)"
        if folded:
            add_state(cell.call.build, new, name)
        elif wanted:
            cell.call.build.states.append((name, new))
