"""Circuits as threshold networks, one unit per gate."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import LimitError
from netsculpt.graph.circuits.circuit import Circuit, Gate, Gates, Operand
from netsculpt.graph.partition import NO_MODULE, Partition

__all__ = ["ThresholdCircuit", "compile_circuit", "function_graph"]

MAX_WEIGHTS = 1 << 28  # of all layers together: 1 GiB


@dataclass(frozen=True, eq=False)
class ThresholdCircuit:
    """A layered network of step units: x ↦ [W x + b > 0] layer by layer."""

    weights: tuple[NDArray[np.float32], ...]  # [out, in] per layer, 0 without an edge
    biases: tuple[NDArray[np.float32], ...]
    truth: Partition  # [U] module of each unit: the function it serves
    modules: tuple[str, ...]  # what each module computes

    def __call__(self, inputs: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Outputs [n, n_out] for inputs [n, n_in]."""
        return self.activations(inputs)[:, -len(self.biases[-1]) :]

    @property
    def layer_of(self) -> NDArray[np.int64]:
        """Number of each unit's layer [U]; inputs are layer 0."""
        widths = [self.weights[0].shape[1], *map(len, self.biases)]
        return np.repeat(np.arange(len(widths)), widths)

    @property
    def hidden(self) -> tuple[Partition, tuple[str, ...]]:
        """Modules of the hidden units alone, −1 elsewhere [U], and what they compute.

        Inputs are the same in every net, and outputs what all of them should do: to compare nets by
        those would say that they are alike.
        """
        layer_of = self.layer_of
        inside = (layer_of > 0) & (layer_of < len(self.weights))
        labels = np.where(inside, self.truth.labels, NO_MODULE)
        kept = dict.fromkeys(labels[labels >= 0].tolist())
        return Partition(labels, "truth"), tuple(self.modules[label] for label in kept)

    def activations(self, inputs: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Values of all units [n, U] for inputs [n, n_in]: inputs, hidden layers, outputs."""
        values = [np.asarray(inputs, dtype=bool)]
        for weight, bias in zip(self.weights, self.biases, strict=True):
            values.append(values[-1].astype(np.float32) @ weight.T + bias > 0)
        return np.concatenate(values, axis=1)


def compile_circuit(circuit: Circuit) -> ThresholdCircuit:
    """Compile a circuit to a layered network of step units, one unit per gate.

    Weights are ±1. Relay units, one per layer, carry a value to higher layers, so that every edge
    joins consecutive layers. Every output has its own unit, even if it copies another. A unit's
    module is the function it serves, for a copy or negation the original function. Inputs and their
    relays belong to the lowest function that uses them; if several functions use them and none of
    these reads another, each such set of functions has a module.
    """
    return _net(*_placed(circuit))


def function_graph(circuit: Circuit) -> frozenset[tuple[str, str]]:
    r"""Which modules of the compiled circuit feed which, by the text alone: (source, target).

    A function is fed by the functions that its line uses and by the owners of the inputs there, as
    `compile_circuit` names them. A line that only copies or negates is not a function of its own,
    unless it makes an output of an input. Two functions that consist of the same gate are two here,
    but one module there.

    >>> from netsculpt import parse_circuit
    >>> circuit = parse_circuit("f = a & b\ng = b | c\nh = f ^ ~g\nagain = ~h")
    >>> sorted(function_graph(circuit))
    [('f', 'h'), ('f+g', 'f'), ('f+g', 'g'), ('g', 'h')]
    """
    owners = _owners(circuit)
    edges = set()
    for name in circuit.functions:
        if circuit.origins[name] != name:
            continue
        value, _ = circuit.functions[name]
        if value in owners and name not in circuit.outputs:
            continue
        for used in circuit.uses[name]:
            below = circuit.origins.get(used, used)
            copied, _ = circuit.functions.get(below, (below, False))
            source = owners.get(copied, below)
            if source != name:
                edges.add((source, name))
    return frozenset(edges)


@dataclass
class _Placed:
    """Gates with all names resolved, each in its layer."""

    circuit: Circuit
    gates: Gates = field(default_factory=Gates)
    layer: dict[int | str, int] = field(default_factory=dict)
    owner: dict[int | str, str] = field(default_factory=dict)

    def place(self, gate: Gate, owner: str) -> int:
        """Index of a gate, whose layer is the lowest above its operands."""
        index = self.gates.index(gate)
        if index not in self.layer:
            self.layer[index] = 1 + max(self.layer[value] for value, _ in gate.operands)
            self.owner[index] = owner
        return index


def _placed(circuit: Circuit) -> tuple[_Placed, list[int]]:
    """All gates, and the gate of each output."""
    placed = _Placed(circuit)
    placed.layer.update(dict.fromkeys(circuit.inputs, 0))
    placed.owner.update(_owners(circuit))
    places: list[int] = []

    def resolved(operand: Operand) -> Operand:
        value, negated = circuit.behind(operand)
        return places[value] if isinstance(value, int) else value, negated

    for gate, name in zip(circuit.gates, circuit.served, strict=True):
        own = Gate(gate.kind, tuple(map(resolved, gate.operands)))
        places.append(placed.place(own, circuit.origins[name]))
    outputs = []
    for name in circuit.outputs:
        value, negated = resolved((name, False))
        if isinstance(value, str) or negated:
            value = placed.place(Gate("and", ((value, negated),)), circuit.origins[name])
        outputs.append(value)
    return placed, outputs


def _net(placed: _Placed, outputs: list[int]) -> ThresholdCircuit:
    layers = _layers(placed, outputs)
    gates = [
        [_computed(placed, value, level) for value in units]
        for level, units in enumerate(layers[1:], start=1)
    ]
    weights = tuple(_weight(own, below) for own, below in zip(gates, layers, strict=False))
    biases = tuple(np.array([_bias(gate) for gate in own], dtype=np.float32) for own in gates)
    owners = [placed.owner[value] for units in layers for value in units]
    place = {owner: index for index, owner in enumerate(dict.fromkeys(owners))}
    truth = Partition([place[owner] for owner in owners], method="truth")
    return ThresholdCircuit(weights, biases, truth, tuple(place))


def _layers(placed: _Placed, outputs: list[int]) -> list[list[int | str]]:
    """What the units of each layer compute, inputs first.

    From the outputs down: what a layer reads is a unit or a relay of the layer below.
    """
    depth = max(placed.layer[gate] for gate in outputs)
    layers: list[list[int | str]] = [[*outputs]]
    n_weights = 0
    for level in range(depth, 0, -1):
        gates = [_computed(placed, value, level) for value in layers[-1]]
        below: dict[int | str, None] = dict.fromkeys(placed.circuit.inputs if level == 1 else ())
        below |= dict.fromkeys(value for gate in gates for value, _ in gate.operands)
        n_weights += len(gates) * len(below)
        if n_weights > MAX_WEIGHTS:
            found = f"circuit of {len(placed.gates.order):,} gates on {depth:,} levels"
            needed = f"its network has more than {MAX_WEIGHTS:,} weights; use fewer levels"
            raise LimitError(f"{found}: {needed}")
        layers.append([*below])
    return layers[::-1]


def _weight(gates: list[Gate], below: list[int | str]) -> NDArray[np.float32]:
    column = {value: index for index, value in enumerate(below)}
    weight = np.zeros((len(gates), len(below)), dtype=np.float32)
    for row, gate in enumerate(gates):
        for value, negated in gate.operands:
            weight[row, column[value]] += -1 if negated else 1  # an operand may occur twice: x & ~x
    return weight


def _computed(placed: _Placed, value: int | str, level: int) -> Gate:
    """The gate of a unit of a layer: its own, or a relay."""
    if isinstance(value, str) or placed.layer[value] < level:
        return Gate("and", ((value, False),))
    return placed.gates.order[value]


def _bias(gate: Gate) -> float:
    """Bias of the step unit that computes a gate with weights ±1."""
    n_negated = sum(negated for _, negated in gate.operands)
    if gate.kind == "and":
        return 0.5 - (len(gate.operands) - n_negated)
    return n_negated - 0.5


def _owners(circuit: Circuit) -> dict[int | str, str]:
    """The lowest functions that use each input."""
    users: dict[str, list[str]] = {name: [] for name in circuit.inputs}
    for function in circuit.functions:
        for name in circuit.uses[function]:
            if name in users:
                users[name].append(function)
    return {name: _lowest(circuit, own) for name, own in users.items()}


def _lowest(circuit: Circuit, users: list[str]) -> str:
    found = set(users)
    return "+".join(x for x in users if not found & circuit.reads[x])
