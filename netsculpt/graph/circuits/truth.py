"""Truth tables, 64 rows in a machine word."""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import LimitError
from netsculpt.graph.circuits.circuit import Circuit, Operand

__all__ = ["truth_table"]

MAX_INPUTS = 20
WORDS_AT_ONCE = 1 << 23  # of all gates that are still needed: 64 MiB
ROWS = 64  # of the table in a word


def truth_table(circuit: Circuit) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """All 2ⁿ inputs [2ⁿ, n] (first input = highest bit) and the outputs [2ⁿ, m].

    Raises
    ------
    LimitError
        If the circuit has more than 20 inputs.

    Notes
    -----
    O(2ⁿ / 64) a gate; at most 64 MiB in addition to the table.

    Examples
    --------
    >>> from netsculpt import parse_circuit
    >>> truth_table(parse_circuit("f = a ^ b"))[1].ravel().tolist()
    [False, True, True, False]
    """
    n_inputs = len(circuit.inputs)
    if n_inputs > MAX_INPUTS:
        needed = "use fewer, or sample inputs of the compiled circuit"
        raise LimitError(
            f"{n_inputs} inputs found: truth tables hold at most {MAX_INPUTS}; {needed}"
        )
    n_rows = 1 << n_inputs
    row = np.arange(n_rows, dtype=np.uint32)
    inputs = np.empty((n_rows, n_inputs), dtype=bool)
    for column in range(n_inputs):
        inputs[:, column] = row >> np.uint32(n_inputs - 1 - column) & 1
    outputs = np.empty((n_rows, len(circuit.outputs)), dtype=bool)
    done = _done_after(circuit)
    step = ROWS * max(1, WORDS_AT_ONCE // _most_held(done))
    for start in range(0, n_rows, step):
        part = slice(start, start + step)
        for column, words in enumerate(_evaluated(circuit, inputs[part], done)):
            bits = np.unpackbits(words.view(np.uint8), bitorder="little")
            outputs[part, column] = bits[: min(step, n_rows - start)]
    return inputs, outputs


def _done_after(circuit: Circuit) -> list[list[int]]:
    """Gates that no gate and no output needs any more, after each gate."""
    last: dict[int | str, int] = {}
    for index, gate in enumerate(circuit.gates):
        last.update((circuit.behind(operand)[0], index) for operand in gate.operands)
    kept = {circuit.behind((name, False))[0] for name in circuit.outputs}
    done: list[list[int]] = [[] for _ in circuit.gates]
    for value, index in last.items():
        if isinstance(value, int) and value not in kept:
            done[index].append(value)
    return done


def _most_held(done: list[list[int]]) -> int:
    held = np.arange(1, len(done) + 1) - np.cumsum([0, *map(len, done)][:-1])
    return int(held.max(initial=1))


def _evaluated(
    circuit: Circuit, rows: NDArray[np.bool_], done: list[list[int]]
) -> list[NDArray[np.uint64]]:
    """Words of each output, for some rows of the table."""
    words: dict[int | str, NDArray[np.uint64]] = dict(
        zip(circuit.inputs, map(_packed, rows.T), strict=True)
    )

    def value(operand: Operand) -> NDArray[np.uint64]:
        source, negated = circuit.behind(operand)
        return ~words[source] if negated else words[source]

    for index, gate in enumerate(circuit.gates):
        join = np.bitwise_and if gate.kind == "and" else np.bitwise_or
        words[index] = reduce(join, map(value, gate.operands))
        for spent in done[index]:
            del words[spent]
    return [value((name, False)) for name in circuit.outputs]


def _packed(bits: NDArray[np.bool_]) -> NDArray[np.uint64]:
    padded = np.zeros(-(-bits.size // ROWS) * ROWS, dtype=bool)
    padded[: bits.size] = bits
    return np.packbits(padded, bitorder="little").view(np.uint64)
