"""Boolean circuits with named sub-functions, and threshold networks that compute them exactly.

A circuit is text, one function per line, with Python's operators ``& | ^ ~``; names that no line
defines are inputs, functions that no other line uses are outputs::

    left = (a & b) ^ c
    both = left & (d | e)

The true modules of the compiled network are known: the units that compute a function.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import FormatError
from netsculpt.graph.partition import Partition

__all__ = [
    "Circuit",
    "ThresholdCircuit",
    "compile_circuit",
    "function_graph",
    "parse_circuit",
    "truth_table",
]

MAX_TABLE_INPUTS = 20


@dataclass(frozen=True)
class Gate:
    """AND or OR of operands that may be negated, computed by one threshold unit."""

    kind: str  # "and", "or"
    operands: tuple[Operand, ...]


Operand = tuple["Gate | str", bool]  # a gate, an input or a function by name; True = negated


@dataclass(frozen=True)
class Circuit:
    """Named Boolean functions of named inputs, each after the functions that it uses."""

    inputs: tuple[str, ...]
    functions: Mapping[str, Operand]
    uses: Mapping[str, frozenset[str]]  # names that each function's line mentions

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """Functions that no other function uses."""
        used = frozenset().union(*self.uses.values())
        return tuple(name for name in self.functions if name not in used)

    @cached_property
    def reads(self) -> Mapping[str, frozenset[str]]:
        """Inputs and functions that each function depends on, directly or through others."""
        below: dict[str, frozenset[str]] = {}
        for name, used in self.uses.items():
            below[name] = used.union(*(below[x] for x in used if x in below))
        return MappingProxyType(below)

    def origin(self, name: str) -> str:
        """The function that a line merely copies or negates; otherwise `name` itself."""
        value, _ = self.functions[name]
        while isinstance(value, str) and value in self.functions:
            name, (value, _) = value, self.functions[value]
        return name


@dataclass(frozen=True, eq=False)
class ThresholdCircuit:
    """A layered network of step units: x ↦ [W x + b > 0] layer by layer."""

    weights: tuple[NDArray[np.float32], ...]  # [out, in] per layer, 0 without an edge
    biases: tuple[NDArray[np.float32], ...]
    truth: Partition  # [U] module of each unit: the function it serves
    modules: tuple[str, ...]  # what each module computes

    def __call__(self, inputs: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Outputs [n, n_out] for inputs [n, n_in]."""
        x = inputs
        for weight, bias in zip(self.weights, self.biases, strict=True):
            x = x @ weight.T + bias > 0
        return x


def parse_circuit(text: str) -> Circuit:
    r"""Read a circuit.

    Raises
    ------
    FormatError
        If a line is not ``name = expression`` of names and ``& | ^ ~``, or a function is defined
        twice or uses one that is defined below it.

    Examples
    --------
    >>> circuit = parse_circuit("f = a & ~b\ng = f ^ c")
    >>> circuit.inputs, circuit.outputs
    (('a', 'b', 'c'), ('g',))
    """
    try:
        lines = ast.parse(text).body
    except SyntaxError as error:
        raise _error(error, f"{error.msg}; each line is 'name = expression'") from None
    functions: dict[str, Operand] = {}
    uses: dict[str, frozenset[str]] = {}
    inputs: dict[str, None] = {}
    for line in lines:
        name = _defined_name(line)
        if name in functions or name in inputs:
            needed = "define each function once, above its uses"
            raise _error(line, f"{name!r} is already in use; {needed}")
        assert isinstance(line, ast.Assign)
        names = [node.id for node in ast.walk(line.value) if isinstance(node, ast.Name)]
        if name in names:
            needed = "a function uses inputs and functions above it"
            raise _error(line, f"{name!r} is defined by itself; {needed}")
        inputs.update(dict.fromkeys(sorted(x for x in names if x not in functions)))
        functions[name] = _operand(line.value)
        uses[name] = frozenset(names)
    if not functions:
        raise FormatError("circuit without a function: at least one line 'name = expression'")
    return Circuit(tuple(inputs), MappingProxyType(functions), MappingProxyType(uses))


def truth_table(circuit: Circuit) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """All 2ⁿ inputs [2ⁿ, n] (first input = highest bit) and the outputs [2ⁿ, m].

    >>> truth_table(parse_circuit("f = a ^ b"))[1].ravel().tolist()
    [False, True, True, False]
    """
    n_inputs = len(circuit.inputs)
    if n_inputs > MAX_TABLE_INPUTS:
        raise FormatError(f"{n_inputs} inputs found: truth tables hold at most {MAX_TABLE_INPUTS}")
    rows = np.arange(1 << n_inputs)[:, None] >> np.arange(n_inputs)[::-1] & 1
    inputs = rows.astype(bool)
    values = dict(zip(circuit.inputs, inputs.T, strict=True))
    for name, body in circuit.functions.items():
        values[name] = _evaluate(body, values)
    return inputs, np.stack([values[name] for name in circuit.outputs], axis=1)


def compile_circuit(circuit: Circuit) -> ThresholdCircuit:
    """Compile a circuit to a layered network of step units, one unit per gate.

    Weights are ±1. Relay units, one per layer, carry a value to higher layers, so that every edge
    joins consecutive layers. Every output has its own unit, even if it copies another. A unit's
    module is the function it serves, for a copy or negation the original function. Inputs and their
    relays belong to the lowest function that uses them; if several functions use them and none of
    these reads another, each such set of functions has a module.
    """
    return _Compiler(circuit).net()


def function_graph(circuit: Circuit) -> frozenset[tuple[str, str]]:
    r"""Which modules of the compiled circuit feed which, by the text alone: (source, target).

    A function is fed by the functions that its line uses and by the owners of the inputs there, as
    `compile_circuit` names them. A line that only copies or negates is no function of its own,
    unless it makes an output of an input. Two functions that consist of the same gate are two here,
    but one module there.

    >>> circuit = parse_circuit("f = a & b\ng = b | c\nh = f ^ ~g\nagain = ~h")
    >>> sorted(function_graph(circuit))
    [('f', 'h'), ('f+g', 'f'), ('f+g', 'g'), ('g', 'h')]
    """
    inputs = frozenset(circuit.inputs)
    edges = set()
    for name in circuit.functions:
        if circuit.origin(name) != name:
            continue
        value, _ = circuit.functions[name]
        if value in inputs and name not in circuit.outputs:
            continue
        for used in circuit.uses[name]:
            below = used if used in inputs else circuit.origin(used)
            copied = circuit.functions[below][0] if below in circuit.functions else below
            source = _users(circuit, copied) if copied in inputs else below
            if source != name:
                edges.add((source, name))
    return frozenset(edges)


class _Compiler:
    """Places gates in layers, then adds relays where a value skips layers."""

    def __init__(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self.layer: dict[Gate | str, int] = dict.fromkeys(circuit.inputs, 0)
        self.owner: dict[Gate | str, str] = {x: _users(circuit, x) for x in circuit.inputs}
        self.named: dict[str, Operand] = {}
        for name, body in circuit.functions.items():
            self.named[name] = self._place(body, circuit.origin(name))

    def net(self) -> ThresholdCircuit:
        outputs = [(name, _as_gate(self.named[name])) for name in self.circuit.outputs]
        depth = max(self._place_gate(gate, self.circuit.origin(name)) for name, gate in outputs)
        # Units by layer, keyed by what they compute, so that all users share a relay.
        columns: list[dict[Gate | str, int]] = [{} for _ in range(depth + 1)]
        edges: list[list[tuple[int, int, float]]] = [[] for _ in range(depth)]
        biases: list[list[float]] = [[] for _ in range(depth)]
        owners: list[list[str]] = [[] for _ in range(depth + 1)]

        def unit(value: Gate | str, level: int) -> int:
            if value not in columns[level]:
                columns[level][value] = new_unit(value, level)
            return columns[level][value]

        def new_unit(value: Gate | str, level: int) -> int:
            target = len(owners[level])
            owners[level].append(self.owner[value])
            if level:
                relayed = self.layer[value] < level
                gate = Gate("and", ((value, False),)) if relayed else value
                assert isinstance(gate, Gate)
                weights, bias = _threshold(gate)
                biases[level - 1].append(bias)
                for (operand, _), weight in zip(gate.operands, weights, strict=True):
                    edges[level - 1].append((target, unit(operand, level - 1), weight))
            return target

        for name in self.circuit.inputs:
            unit(name, 0)
        for _, gate in outputs:
            new_unit(gate, depth)
        weights = []
        for level, layer_edges in enumerate(edges):
            weight = np.zeros((len(owners[level + 1]), len(owners[level])), dtype=np.float32)
            for target, source, value in layer_edges:
                weight[target, source] += value  # an operand may occur twice, as in x ^ x
            weights.append(weight)
        flat = [owner for layer in owners for owner in layer]
        modules = tuple(dict.fromkeys(flat))
        truth = Partition([modules.index(owner) for owner in flat], method="truth")
        return ThresholdCircuit(
            tuple(weights), tuple(np.array(b, dtype=np.float32) for b in biases), truth, modules
        )

    def _place(self, operand: Operand, owner: str) -> Operand:
        """Resolve names of functions and place every gate below; returns the resolved operand."""
        value, negated = operand
        if isinstance(value, str):
            if value in self.named:
                body, inverted = self.named[value]
                return body, negated ^ inverted
            return value, negated
        gate = Gate(value.kind, tuple(self._place(x, owner) for x in value.operands))
        self._place_gate(gate, owner)
        return gate, negated

    def _place_gate(self, gate: Gate, owner: str) -> int:
        self.owner.setdefault(gate, owner)
        lowest = 1 + max(self.layer[value] for value, _ in gate.operands)
        return self.layer.setdefault(gate, lowest)


def _as_gate(operand: Operand) -> Gate:
    value, negated = operand
    return value if isinstance(value, Gate) and not negated else Gate("and", (operand,))


def _threshold(gate: Gate) -> tuple[list[float], float]:
    """Weights and bias of the step unit that computes a gate."""
    weights = [-1.0 if negated else 1.0 for _, negated in gate.operands]
    n_negated = weights.count(-1.0)
    if gate.kind == "and":
        return weights, 0.5 - (len(weights) - n_negated)
    return weights, n_negated - 0.5


def _users(circuit: Circuit, name: str) -> str:
    users = {function for function, names in circuit.uses.items() if name in names}
    return "+".join(x for x in circuit.functions if x in users and not users & circuit.reads[x])


def _error(place: ast.stmt | ast.expr | SyntaxError, problem: str) -> FormatError:
    return FormatError(f"circuit, line {place.lineno}: {problem}")


def _defined_name(line: ast.stmt) -> str:
    if isinstance(line, ast.Assign) and len(line.targets) == 1:
        target = line.targets[0]
        if isinstance(target, ast.Name):
            return target.id
    raise _error(line, "'name = expression' needed")


def _operand(node: ast.expr) -> Operand:
    match node:
        case ast.Name(id=name):
            return name, False
        case ast.UnaryOp(op=ast.Invert(), operand=inner):
            value, negated = _operand(inner)
            return value, not negated
        case ast.BinOp(left=left, op=ast.BitXor(), right=right):
            x, y = _operand(left), _operand(right)
            either = Gate("and", (x, _not(y))), Gate("and", (_not(x), y))
            return Gate("or", tuple((gate, False) for gate in either)), False
        case ast.BinOp(op=ast.BitAnd()):
            return _gate("and", node), False
        case ast.BinOp(op=ast.BitOr()):
            return _gate("or", node), False
    raise _error(node, f"{ast.unparse(node)!r} found: names, & | ^ ~ and brackets are allowed")


def _gate(kind: str, node: ast.BinOp) -> Gate:
    """One wide gate for a chain of the same operator."""
    operands: list[Operand] = []
    for side in (node.left, node.right):
        value, negated = _operand(side)
        same = isinstance(value, Gate) and value.kind == kind and not negated
        operands.extend(value.operands if same and isinstance(value, Gate) else [(value, negated)])
    return Gate(kind, tuple(dict.fromkeys(operands)))


def _not(operand: Operand) -> Operand:
    return operand[0], not operand[1]


def _evaluate(operand: Operand, values: Mapping[str, NDArray[np.bool_]]) -> NDArray[np.bool_]:
    value, negated = operand
    if isinstance(value, str):
        result = values[value]
    else:
        parts = [_evaluate(part, values) for part in value.operands]
        join = np.logical_and if value.kind == "and" else np.logical_or
        result = join.reduce(parts)
    return ~result if negated else result
