"""LSTM, GRU and plain recurrent layers: one step, or as many as the plan unrolls.

Before the first step the state is a layer that nothing feeds, after the last one a layer that
feeds nothing: the recurrence, cut where time begins again. A state that the net gives itself is
taken as it is. With one step the sequence is what holds at every position; unrolled, each position
is a step, and all steps name the same parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.program import Constant
from netsculpt.tracing.rules._parts.cells import CELLS, Cell, State, row
from netsculpt.tracing.rules._parts.states import begun, ended

__all__ = ["recurrent"]

OPS = tuple(name for kind in CELLS for name in (kind, f"{kind}_cell"))


def recurrent(call: Call) -> Any:
    """The units of h′ (and c′), at every position of a sequence."""
    return _one_cell(call) if call.op.name.endswith("_cell") else _sequence(call)


def _one_cell(call: Call) -> Any:
    """The step of a net that takes its steps itself."""
    kind, name = call.op.name.removesuffix("_cell"), call.op.layer or call.op.name
    cell = Cell(call, name, call.constant(2), call.constant(3))
    state, recurs = begun(cell, [call.args[1]] if kind != "lstm" else call.args[1])
    found = CELLS[kind](cell, row(call, call.args[0]), state)
    ended(cell, found, recurs, folded=False)
    values = tuple(_at(call.op.shape, new) for new in found)
    return values if kind == "lstm" else values[0]


def _sequence(call: Call) -> Any:
    """Steps of every layer, in both directions where it has two."""
    kind = call.op.name
    if not isinstance(call.args[2 if kind != "lstm" else 1], list | tuple):
        raise call.refusal("it takes a packed sequence: trace with a padded one")
    x, given, weights, biases, n_layers, dropout, train, both, batch_first = call.args
    if train and dropout:
        raise call.refusal("it drops elements at random in evaluation mode too")
    states = [given] if kind != "lstm" else given
    cells = _cells(call, weights, biases=biases, n_layers=n_layers, both=both)
    for state in states:
        _check_state(call, state)
    time = 1 if batch_first else 0
    steps = _steps(call, x, time)
    folded = len(steps) < call.op.shape[time]
    ends: list[State] = []
    orders = (1, -1) if both else (1,)
    for at in range(0, len(cells), len(orders)):
        outputs = []
        for cell, order in enumerate(orders, at):
            begin = [_chosen(state, cell) for state in states]
            found = _run(cells[cell], steps[::order], begin, folded=folded)
            ends.append(found[-1])
            outputs.append([state[0] for state in found[::order]])
        steps = [_side_by_side(at_once) for at_once in zip(*outputs, strict=True)]
    return _sequence_of(call, steps, time), *_ends(call, ends, time)


def _run(
    cell: Cell, steps: Sequence[Activation], begin: Sequence[Any], *, folded: bool
) -> list[State]:
    """The state after each step."""
    call, name, found = cell.call, cell.name, []
    state, recurs = begun(cell, begin)
    step = CELLS[call.op.name]
    for number, x in enumerate(steps, 1):
        at = f"{name} step {number}" if len(steps) > 1 else name
        state = step(Cell(call, at, cell.of_input, cell.of_state, cell.projection), x, state)
        found.append(state)
    ended(cell, state, recurs, folded=folded)
    return found


def _cells(
    call: Call, weights: Sequence[Any], *, biases: bool, n_layers: int, both: bool
) -> list[Cell]:
    """One for each layer and direction."""
    if not all(isinstance(x, Constant) for x in weights):
        raise call.refusal("its weights depend on the inputs")
    n_cells = n_layers * (2 if both else 1)
    each = len(weights) // n_cells
    base, found = call.op.layer or call.op.name, []
    for at in range(n_cells):
        own = weights[at * each : (at + 1) * each]
        projection = own[-1] if each % 2 else None
        layer, backward = divmod(at, 2) if both else (at, 0)
        name = f"{base} l{layer}" if n_layers > 1 else base
        name += " reverse" if backward else ""
        found.append(Cell(call, name, own[0], own[1], projection))
    if each != 2 + 2 * biases + (found[0].projection is not None):
        raise call.refusal(f"it has {each} weights and biases a layer, which has no rule")
    return found


def _steps(call: Call, x: Any, time: int) -> list[Activation]:
    """What each step takes: one step takes what is the same at all positions."""
    n_steps, length = call.build.plan.unroll, call.op.shape[time]
    if n_steps == 1:
        return [row(call, x)]
    if n_steps != length:
        raise call.refusal(
            f"its sequence has {length} positions, unroll is {n_steps}: one step, or as many as "
            "there are positions, can be traced"
        )
    return [row(call, _chosen(x, at, time)) for at in range(length)]


def _chosen(given: Any, at: int, dim: int = 0) -> Any:
    """One of the steps, or of the layers' states."""
    if isinstance(given, Constant):
        return given.changed(lambda x: x.select(dim, at))
    factor = None if given.factor is None else given.factor.select(dim, at)
    return Activation(given.units.select(dim, at), factor)


def _check_state(call: Call, state: Any) -> None:
    """Inputs are taken batch first, which a state [layers, batch, hidden] is not."""
    if isinstance(state, Activation) and len(state.units) > 1:
        one = state.units[0][torch.isin(state.units[0], state.units[1])]
        if call.build.is_input(one.numpy()).any():
            raise call.refusal(
                "its state is an input whose first dimension is the layers: inputs begin with the "
                "batch, so take it as [batch, layers, hidden] and transpose it in the net"
            )


def _side_by_side(given: Sequence[Activation]) -> Activation:
    return Activation(torch.cat([x.units for x in given], 1))


def _sequence_of(call: Call, steps: Sequence[Activation], time: int) -> Activation:
    units = torch.stack([x.units for x in steps], time)
    return Activation(units.expand(call.op.shape))


def _ends(call: Call, ends: Sequence[State], time: int) -> tuple[Activation, ...]:
    batch = call.op.shape[1 - time]
    each = (torch.stack([state.units for state in states]) for states in zip(*ends, strict=True))
    return tuple(Activation(units.expand(-1, batch, -1)) for units in each)


def _at(shape: Sequence[int], state: Activation) -> Activation:
    return Activation(state.units.expand(*shape[:-1], -1))
