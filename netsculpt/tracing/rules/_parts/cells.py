"""One step of a recurrent layer; the states before the first step and after the last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.columns import columns, single_row
from netsculpt.tracing.engine.junction import junction
from netsculpt.tracing.program import Constant
from netsculpt.tracing.rules._parts.weights import feed

__all__ = ["CELLS", "Cell", "State", "begin", "end", "row"]

State = tuple[Activation, ...]  # h, or h and c: [1, units]


@dataclass(frozen=True, eq=False)
class Cell:
    """The weights of one direction of a layer, and the name of the step."""

    call: Call
    name: str
    of_input: Constant  # [gates · hidden, in]
    of_state: Constant  # [gates · hidden, out]
    projection: Constant | None = None  # [out, hidden]

    def layer(self, name: str, *inputs: tuple[Constant, Activation]) -> Activation:
        """Add a layer that each activation feeds through its weight."""
        n_units = len(inputs[0][0].value)
        start = self.call.builder.add_layer(f"{self.name}.{name}", "hidden", (n_units,), n_units)
        for weight, activation in inputs:
            feed(self.call, weight, columns(self.call, activation, 1), start, kind="linear")
        return Activation(torch.arange(start, start + n_units)[None])

    def gate(self, name: str, index: int, n: int, x: Activation, h: Activation) -> Activation:
        """Add a layer fed from x and h through the rows of one of n gates."""
        one, two = (_rows(weight, index, n) for weight in (self.of_input, self.of_state))
        return self.layer(name, (one, x), (two, h))

    def junction(self, name: str, *activations: Activation) -> Activation:
        """Add a layer where activations meet."""
        return junction(self.call.builder, activations, f"{self.name}.{name}")

    def apply(self, function: str, *activations: Activation) -> None:
        """Say that their units are taken after a function."""
        for activation in activations:
            self.call.builder.apply(function, activation)

    def apart(self, x: Activation, h: Activation) -> Activation:
        """The state, in another layer than x: there is only one block per pair of layers."""
        one, two = (y.units[y.units != NOTHING].numpy() for y in (x, h))
        layer_of = self.call.builder.layer_of
        shared = np.intersect1d(layer_of(one), layer_of(two))
        return self.junction("h (given)", h) if shared.size else h


def lstm(cell: Cell, x: Activation, state: State) -> State:
    """h′ = o · tanh c′, where c′ = f · c + i · g."""
    h, c = state
    h = cell.apart(x, h)
    i, f, g, o = (cell.gate(name, index, 4, x, h) for index, name in enumerate("ifgo"))
    new = cell.junction("c", f, c, i, g)
    cell.apply("sigmoid", i, f, o)
    cell.apply("tanh", g, new)
    cell.apply("identity", new)
    if cell.projection is None:
        return cell.junction("h", o, new), new
    return cell.layer("h", (cell.projection, cell.junction("o·c", o, new))), new


def gru(cell: Cell, x: Activation, state: State) -> State:
    """h′ = (1 − z) · n + z · h, where n = tanh(W x + r · W h)."""
    (h,) = state
    h = cell.apart(x, h)
    r, z = (cell.gate(name, index, 3, x, h) for index, name in enumerate("rz"))
    hidden = cell.layer("n of h", (_rows(cell.of_state, 2, 3), h))
    reset = cell.junction("r·n", r, hidden)
    n = cell.layer("n", (_rows(cell.of_input, 2, 3), x))
    cell.apply("sigmoid", r, z)
    cell.apply("tanh", n)
    cell.apply("identity", hidden, reset)
    source, target = (y.units[0].numpy() for y in (reset, n))
    cell.call.builder.wire(source, target, np.ones(source.size))
    return (cell.junction("h", z, n, h),)


def rnn(cell: Cell, x: Activation, state: State) -> State:
    """h′ = φ(W x + W h)."""
    (h,) = state
    new = cell.gate("h", 0, 1, x, cell.apart(x, h))
    cell.apply(cell.call.op.name.removesuffix("_cell").removeprefix("rnn_"), new)
    return (new,)


CELLS: dict[str, Callable[[Cell, Activation, State], State]] = {
    "lstm": lstm,
    "gru": gru,
    "rnn_tanh": rnn,
    "rnn_relu": rnn,
}


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
            junction(cell.call.builder, [new], name, "state")
        elif recurring:
            cell.call.builder.states.append((name, new))


def row(call: Call, value: Activation | Constant) -> Activation:
    """The units along the last dimension, which must be the same at all positions: [1, n]."""
    if isinstance(value, Constant):
        return Activation(torch.full((1, value.value.shape[-1]), NOTHING))
    reason = (
        "positions have different units in the same column: one step needs the same units at all "
        f"of them. {_remedy(call)}"
    )
    return single_row(call, value, len(value.shape) - 1, reason).changed(lambda x: x[None])


def _remedy(call: Call) -> str:
    """How a recurrent layer gets the same units at all positions that one step takes."""
    if call.op.name.endswith("_cell"):
        return "Trace with granularity='channel', or call the cell once per position"
    batch_first = bool(call.args[-1])
    length = call.op.shape[1 if batch_first else 0]
    if call.builder.options.unroll != length:
        return f"Trace with unroll={length}, the length of its sequence"
    return (  # they differ along the other dimension, which it takes for the samples
        f"As its batch_first is {batch_first}, it takes dimension {0 if batch_first else 1} for "
        f"samples, and these differ: give batch_first={not batch_first}, or transpose what it takes"
    )


def _rows(weight: Constant, index: int, n: int) -> Constant:
    """The rows of one of n gates in a stacked weight."""
    return weight.changed(lambda stacked: stacked.chunk(n)[index])
