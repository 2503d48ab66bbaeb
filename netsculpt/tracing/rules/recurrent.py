"""LSTM, GRU and plain recurrent layers: one step, or as many as are unrolled.

The recurrence is cut where time starts again: before the first step the state is a layer without
inputs, after the last one a layer that feeds nothing. An initial state from the net is taken as it
is. With one step, all positions of the sequence share their units; unrolled, each position is a
step, and all steps name the same parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.program import Constant
from netsculpt.tracing.rules._parts.cells import CELLS, Cell, State, begin, end, row

__all__ = ["recurrent"]

OPS = tuple(name for kind in CELLS for name in (kind, f"{kind}_cell"))


def recurrent(call: Call) -> Any:
    """The units of h′ (and c′), at every position of a sequence."""
    return _one_cell(call) if call.op.name.endswith("_cell") else _sequence(call)


def _one_cell(call: Call) -> Any:
    """The single step of a cell, whose loop is in the net."""
    kind, name = call.op.name.removesuffix("_cell"), call.op.layer or call.op.name
    cell = Cell(call, name, call.constant(2), call.constant(3))
    state, recurs = begin(cell, [call.args[1]] if kind != "lstm" else call.args[1])
    state = CELLS[kind](cell, row(call, call.args[0]), state)
    end(cell, state, recurs, folded=False)
    shape = (*call.op.shape[:-1], -1)
    values = tuple(x.changed(lambda units: units.expand(shape)) for x in state)
    return values if kind == "lstm" else values[0]


def _sequence(call: Call) -> Any:
    """All steps of every layer, in one or both directions."""
    kind = call.op.name
    if not isinstance(call.args[2 if kind != "lstm" else 1], list | tuple):
        raise call.refusal("it takes a packed sequence: trace with a padded one")
    sequence, initial, weights, biases, n_layers, dropout, train, both, batch_first = call.args
    if train and dropout:
        raise call.refusal("it drops elements at random in evaluation mode too")
    states = [initial] if kind != "lstm" else initial
    cells = _cells(call, weights, biases=biases, n_layers=n_layers, both=both)
    for state in states:
        _check_state(call, state)
    time = 1 if batch_first else 0
    steps = _steps(call, sequence, time)
    folded = len(steps) < call.op.shape[time]
    ends: list[State] = []
    orders = (1, -1) if both else (1,)
    for first in range(0, len(cells), len(orders)):
        outputs = []
        for index, order in enumerate(orders, first):
            first_states = [_selected(state, index) for state in states]
            after = _run(cells[index], steps[::order], first_states, folded=folded)
            ends.append(after[-1])
            outputs.append([state[0] for state in after[::order]])
        steps = [
            Activation(torch.cat([x.units for x in directions], 1))
            for directions in zip(*outputs, strict=True)
        ]
    units = torch.stack([x.units for x in steps], time).expand(call.op.shape)
    return Activation(units), *_ends(call, ends, time)


def _run(
    cell: Cell, steps: Sequence[Activation], initial: Sequence[Any], *, folded: bool
) -> list[State]:
    """Add the layers of all steps; the state after each."""
    states = []
    state, recurs = begin(cell, initial)
    step = CELLS[cell.call.op.name]
    for number, x in enumerate(steps, 1):
        name = f"{cell.name} step {number}" if len(steps) > 1 else cell.name
        state = step(replace(cell, name=name), x, state)
        states.append(state)
    end(cell, state, recurs, folded=folded)
    return states


def _cells(
    call: Call, weights: Sequence[Any], *, biases: bool, n_layers: int, both: bool
) -> list[Cell]:
    """One cell per layer and direction."""
    if not all(isinstance(x, Constant) for x in weights):
        raise call.refusal("its weights depend on the inputs")
    n_cells = n_layers * (2 if both else 1)
    each = len(weights) // n_cells
    base, cells = call.op.layer or call.op.name, []
    for index in range(n_cells):
        of_cell = weights[index * each : (index + 1) * each]
        projection = of_cell[-1] if each % 2 else None
        layer, backward = divmod(index, 2) if both else (index, 0)
        name = f"{base} l{layer}" if n_layers > 1 else base
        name += " reverse" if backward else ""
        cells.append(Cell(call, name, of_cell[0], of_cell[1], projection))
    if each != 2 + 2 * biases + (cells[0].projection is not None):
        raise call.refusal(f"it has {each} weights and biases per layer, which has no rule")
    return cells


def _steps(call: Call, sequence: Any, time: int) -> list[Activation]:
    """The input of each step; a single step takes the units that all positions share."""
    n_steps, length = call.builder.options.unroll, call.op.shape[time]
    if n_steps == 1:
        return [row(call, sequence)]
    if n_steps != length:
        raise call.refusal(
            f"its sequence has {length} positions, unroll is {n_steps}: 1 or {length} is needed"
        )
    return [row(call, _selected(sequence, index, time)) for index in range(length)]


def _selected(value: Any, index: int, dim: int = 0) -> Any:
    """One step of a sequence, or the state of one layer."""
    return value.changed(lambda x: x.select(dim, index))


def _check_state(call: Call, state: Any) -> None:
    """Raise if a state [layers, batch, hidden] is an input of the net, which is batch first."""
    if isinstance(state, Activation) and len(state.units) > 1:
        one = state.units[0][torch.isin(state.units[0], state.units[1])]
        if call.builder.is_input(one.numpy()).any():
            raise call.refusal(
                "its state is an input whose first dimension is the layers: inputs begin with the "
                "batch, so take it as [batch, layers, hidden] and transpose it in the net"
            )


def _ends(call: Call, ends: Sequence[State], time: int) -> tuple[Activation, ...]:
    batch = call.op.shape[1 - time]
    each = (torch.stack([state.units for state in states]) for states in zip(*ends, strict=True))
    return tuple(Activation(units.expand(-1, batch, -1)) for units in each)
