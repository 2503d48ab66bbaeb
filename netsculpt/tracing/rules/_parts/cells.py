"""One step of a recurrent layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from netsculpt.tracing.engine.activation import NOTHING, Activation
from netsculpt.tracing.engine.call import Call
from netsculpt.tracing.engine.columns import columns
from netsculpt.tracing.engine.junction import junction
from netsculpt.tracing.program import Constant
from netsculpt.tracing.rules._parts.weights import feed

__all__ = ["CELLS", "Cell", "State", "row"]

State = tuple[Activation, ...]  # h, or h and c: [1, units]


@dataclass(frozen=True, eq=False)
class Cell:
    """The weights of a direction of a layer, and the name of the step."""

    call: Call
    name: str
    of_input: Constant  # [gates · hidden, in]
    of_state: Constant  # [gates · hidden, out]
    projection: Constant | None = None  # [out, hidden]

    def layer(self, name: str, *fed: tuple[Constant, Activation]) -> Activation:
        """A layer fed through weights, each from an activation of its own."""
        n_units = len(fed[0][0].value)
        start = self.call.build.add_layer(f"{self.name}.{name}", "hidden", (n_units,), n_units)
        for weight, given in fed:
            feed(self.call, weight, columns(self.call, given, 1), start, kind="linear")
        return Activation(torch.arange(start, start + n_units)[None])

    def gate(self, name: str, at: int, of: int, x: Activation, h: Activation) -> Activation:
        """A layer fed from x and h through a gate's rows of both weights."""
        one, two = (_rows(weight, at, of) for weight in (self.of_input, self.of_state))
        return self.layer(name, (one, x), (two, h))

    def junction(self, name: str, *given: Activation) -> Activation:
        """A layer in which activations meet."""
        return junction(self.call.build, given, f"{self.name}.{name}")

    def apart(self, x: Activation, h: Activation) -> Activation:
        """The state, in a layer that does not hold what x holds: a pair of layers has one block."""
        one, two = (given.units[given.units != NOTHING].numpy() for given in (x, h))
        layer_of = self.call.build.layer_of
        shared = np.intersect1d(layer_of(one), layer_of(two))
        return self.junction("h (given)", h) if shared.size else h


def lstm(cell: Cell, x: Activation, state: State) -> State:
    """h′ = o · tanh c′, where c′ = f · c + i · g."""
    h, c = state
    h = cell.apart(x, h)
    i, f, g, o = (cell.gate(name, at, 4, x, h) for at, name in enumerate("ifgo"))
    new = cell.junction("c", f, c, i, g)
    if cell.projection is None:
        return cell.junction("h", o, new), new
    return cell.layer("h", (cell.projection, cell.junction("o·c", o, new))), new


def gru(cell: Cell, x: Activation, state: State) -> State:
    """h′ = (1 − z) · n + z · h, where n = tanh(W x + r · W h)."""
    (h,) = state
    h = cell.apart(x, h)
    r, z = (cell.gate(name, at, 3, x, h) for at, name in enumerate("rz"))
    hidden = cell.layer("n of h", (_rows(cell.of_state, 2, 3), h))
    reset = cell.junction("r·n", r, hidden)
    n = cell.layer("n", (_rows(cell.of_input, 2, 3), x))
    source, target = (given.units[0].numpy() for given in (reset, n))
    cell.call.build.wire(source, target, np.ones(source.size))
    return (cell.junction("h", z, n, h),)


def rnn(cell: Cell, x: Activation, state: State) -> State:
    """h′ = φ(W x + W h)."""
    (h,) = state
    return (cell.gate("h", 0, 1, x, cell.apart(x, h)),)


CELLS: dict[str, Callable[[Cell, Activation, State], State]] = {
    "lstm": lstm,
    "gru": gru,
    "rnn_tanh": rnn,
    "rnn_relu": rnn,
}


def row(call: Call, given: Activation | Constant) -> Activation:
    """What an activation holds along its last dimension, whatever the others are: [1, n]."""
    if isinstance(given, Constant):
        return Activation(torch.full((1, given.value.shape[-1]), NOTHING))
    taken = columns(call, given, given.units.ndim - 1)
    if taken.mixed:
        raise call.refusal(
            "positions hold different units in the same column: one step needs the same units at "
            "all of them. Trace with unroll as long as the sequence"
        )
    units = torch.full((1, given.units.shape[-1]), NOTHING)
    factors = torch.ones(units.shape, dtype=torch.float64)
    units[0, taken.column] = torch.from_numpy(taken.unit)
    factors[0, taken.column] = torch.from_numpy(taken.factor)
    return Activation(units, None if given.factor is None else factors)


def _rows(weight: Constant, at: int, of: int) -> Constant:
    """A gate's part of a stacked weight."""
    return weight.changed(lambda stacked: stacked.chunk(of)[at])
