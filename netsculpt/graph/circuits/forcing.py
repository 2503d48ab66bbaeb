"""What a circuit computes when one of its functions is given a value."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.errors import GraphError
from netsculpt.graph.circuits.circuit import Circuit, Operand

__all__ = ["chosen_functions", "forced_outputs", "function_values", "require_function"]


def function_values(circuit: Circuit, inputs: ArrayLike) -> dict[str, NDArray[np.bool_]]:
    r"""Values [n] of every function of a circuit, outputs included, in the order of its lines.

    Parameters
    ----------
    circuit
        The circuit.
    inputs
        Values of its inputs [n, n_inputs], 0 or 1.

    Examples
    --------
    >>> from netsculpt import parse_circuit
    >>> values = function_values(parse_circuit("f = a & b\ng = ~f"), [[1, 1], [1, 0]])
    >>> {name: value.tolist() for name, value in values.items()}
    {'f': [True, False], 'g': [False, True]}
    """
    value = _Evaluation(circuit, _rows(circuit, inputs), None, False).value
    return {name: value((name, False)) for name in circuit.functions}


def forced_outputs(
    circuit: Circuit, inputs: ArrayLike, function: str, *, value: bool
) -> NDArray[np.bool_]:
    r"""Outputs [n, n_outputs] where every line that mentions a function reads a value instead.

    Lines that only copy or negate the function pass the value on. A line that does not mention it
    but contains the same expression computes the expression: what depends on a function is said by
    the text.

    Parameters
    ----------
    circuit
        The circuit.
    inputs
        Values of its inputs [n, n_inputs], 0 or 1.
    function
        Name of the function.
    value
        What it is taken to be, in every row.

    Raises
    ------
    GraphError
        If the circuit has no such function, or inputs of another number.

    Notes
    -----
    O(n) a gate.

    Examples
    --------
    >>> from netsculpt import parse_circuit
    >>> circuit = parse_circuit("f = a & b\ng = f ^ c")
    >>> forced_outputs(circuit, [[0, 0, 0], [0, 0, 1]], "f", value=True).ravel().tolist()
    [True, False]
    """
    require_function(circuit, function)
    evaluated = _Evaluation(circuit, _rows(circuit, inputs), function, value).value
    return np.stack([evaluated((name, False)) for name in circuit.outputs], axis=1)


def chosen_functions(circuit: Circuit, functions: Iterable[str] | None) -> tuple[str, ...]:
    r"""Names of functions, all of which the circuit must have.

    None stands for all lines but those that only copy or negate another.

    Examples
    --------
    >>> from netsculpt import parse_circuit
    >>> chosen_functions(parse_circuit("f = a & b\ng = ~f"), None)
    ('f',)
    """
    if functions is None:
        return tuple(name for name, origin in circuit.origins.items() if name == origin)
    chosen = tuple(functions)
    for name in chosen:
        require_function(circuit, name)
    return chosen


def require_function(circuit: Circuit, function: str) -> None:
    """Raise an error if a circuit has no function of that name."""
    if function not in circuit.functions:
        raise GraphError(
            f"the circuit has no function {function!r}: name one of {', '.join(circuit.functions)}"
        )


class _Evaluation:
    """The values of gates on some rows, with at most one function forced."""

    def __init__(
        self, circuit: Circuit, rows: NDArray[np.bool_], forced: str | None, value: bool
    ) -> None:
        self.circuit, self.forced = circuit, forced
        self.constant = np.full(len(rows), value)
        self.inputs = dict(zip(circuit.inputs, rows.T, strict=True))
        self.gates: list[NDArray[np.bool_]] = []
        for gate in circuit.gates:
            join = np.logical_and if gate.kind == "and" else np.logical_or
            self.gates.append(reduce(join, map(self.value, gate.operands)))

    def value(self, operand: Operand) -> NDArray[np.bool_]:
        source, negated = operand
        while isinstance(source, str) and source in self.circuit.functions:
            if source == self.forced:
                return ~self.constant if negated else self.constant
            source, inverted = self.circuit.functions[source]
            negated ^= inverted
        values = self.inputs[source] if isinstance(source, str) else self.gates[source]
        return ~values if negated else values


def _rows(circuit: Circuit, inputs: ArrayLike) -> NDArray[np.bool_]:
    rows = np.asarray(inputs)
    if rows.ndim != 2 or rows.shape[1] != len(circuit.inputs):
        raise GraphError(
            f"inputs are {list(rows.shape)}, the circuit has {len(circuit.inputs)} inputs: "
            f"[n, {len(circuit.inputs)}] is needed"
        )
    return rows.astype(bool)
