"""Functions that two circuits have in common, whatever their lines are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import GraphError, LimitError
from netsculpt.graph.circuits.circuit import Circuit
from netsculpt.graph.circuits.forcing import chosen_functions, function_values

__all__ = ["CommonFunction", "common_functions", "joint_rows"]

_MOST_INPUTS = 14  # of both circuits together: 16,384 rows


@dataclass(frozen=True)
class CommonFunction:
    """A function, and the lines of two circuits that compute it; one may have none."""

    name: str  # of its first line in the source, or in the target if the source has none
    source: tuple[str, ...]  # lines of the source's circuit
    target: tuple[str, ...]  # lines of the target's circuit


def joint_rows(source: Circuit, target: Circuit) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """All inputs [2ⁿ, …] of two circuits, in which inputs of one name have the same value.

    Returns the rows for the source and those for the target, each in the order of its inputs.

    Raises
    ------
    LimitError
        If the circuits have more than 14 different inputs together.

    Examples
    --------
    >>> from netsculpt import parse_circuit
    >>> rows = joint_rows(parse_circuit("f = a & b"), parse_circuit("g = b & c"))
    >>> [x[1].tolist() for x in rows]
    [[False, False], [False, True]]
    """
    names = list(dict.fromkeys([*source.inputs, *target.inputs]))
    if len(names) > _MOST_INPUTS:
        raise LimitError(
            f"the two tasks have {len(names)} different inputs together: at most {_MOST_INPUTS} "
            "are compared; inputs that are the same need the same name in both"
        )
    shifts = np.arange(len(names))[::-1]
    rows = (np.arange(1 << len(names))[:, None] >> shifts & 1).astype(bool)
    own = [[names.index(x) for x in circuit.inputs] for circuit in (source, target)]
    return rows[:, own[0]], rows[:, own[1]]


def common_functions(
    source: Circuit, target: Circuit, names: Sequence[str] | None = None
) -> tuple[CommonFunction, ...]:
    r"""Functions of two circuits that are equal, or each other's negation, on all inputs.

    Inputs of the same name are the same. How a function is written does not matter: ``a ^ b`` and
    ``(a | b) & ~(a & b)`` are one function.

    Parameters
    ----------
    source, target
        The circuits.
    names
        Lines of either circuit whose functions are asked about, those of the source first; what one
        of the circuits lacks has no lines there. None: all functions that both circuits compute in
        lines that other lines use, so sub-functions, not outputs.

    Raises
    ------
    GraphError
        If neither circuit has a line of that name, or two names are one function.
    LimitError
        If the circuits have more than 14 different inputs together.

    Notes
    -----
    O(2ⁿ) a gate. Constant functions are left out where no names are given.

    Examples
    --------
    >>> from netsculpt import parse_circuit
    >>> source = parse_circuit("left = a ^ b; y = left & c")
    >>> target = parse_circuit("other = (a & b) | ~(a | b); z = other | d; w = other & e")
    >>> common_functions(source, target)
    (CommonFunction(name='left', source=('left',), target=('other',)),)
    """
    rows = joint_rows(source, target)
    tables = [_by_table(circuit, x) for circuit, x in zip((source, target), rows, strict=True)]
    inner = [frozenset().union(*circuit.uses.values()) for circuit in (source, target)]
    if names is None:
        constant = np.packbits(np.zeros(len(rows[0]), dtype=bool)).tobytes()
        keys = [
            key
            for key, own in tables[0].items()
            if key != constant
            and inner[0].intersection(own)
            and inner[1].intersection(tables[1].get(key, ()))
        ]
        return tuple(
            CommonFunction(tables[0][key][0], tables[0][key], tables[1][key]) for key in keys
        )
    key_of = [{name: key for key, own in table.items() for name in own} for table in tables]
    lines = [
        {name: keys[origin] for name, origin in circuit.origins.items()}
        for circuit, keys in zip((source, target), key_of, strict=True)
    ]
    found: dict[bytes, CommonFunction] = {}
    for name in names:
        key = next((x[name] for x in lines if name in x), None)
        if key is None:
            known = dict.fromkeys([*source.functions, *target.functions])
            raise GraphError(
                f"neither task has a function {name!r}: name some of {', '.join(known)}"
            )
        if key in found:
            raise GraphError(
                f"{name!r} and {found[key].name!r} are the same function, or one is the negation "
                "of the other: name one of them"
            )
        found[key] = CommonFunction(name, tables[0].get(key, ()), tables[1].get(key, ()))
    return tuple(found.values())


def _by_table(circuit: Circuit, rows: NDArray[np.bool_]) -> dict[bytes, tuple[str, ...]]:
    """Lines of a circuit by what they compute; a function and its negation are one."""
    values = function_values(circuit, rows)
    lines: dict[bytes, tuple[str, ...]] = {}
    for name in chosen_functions(circuit, None):
        key = np.packbits(values[name] ^ values[name][0]).tobytes()
        lines[key] = (*lines.get(key, ()), name)
    return lines
