"""What a program means: plain loops over positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from netsculpt.core.errors import GraphError
from netsculpt.nets.compiled.primitives import (
    BEGIN,
    POSITIONS,
    TOKENS,
    Aggregate,
    Map,
    Mean,
    Select,
    SelectorWidth,
    SequenceMap,
    Value,
    Variable,
)
from netsculpt.nets.compiled.program import Program

__all__ = ["check_sequence", "interpreted"]

_Known = Mapping[Variable, list[Any]]


def interpreted(program: Program, sequence: Sequence[Value]) -> dict[str, list[Any]]:
    """Values of every variable at every position of a sequence.

    Raises
    ------
    GraphError
        If the sequence is empty or too long, has tokens that are not in the vocabulary, or if a
        step aggregates positions whose values differ.

    Notes
    -----
    O(steps · length²).

    Examples
    --------
    >>> from netsculpt.nets.compiled import reverse
    >>> interpreted(reverse("abc", 4), "abb")["reversed"]
    ['b', 'b', 'a']
    """
    check_sequence(program, sequence)
    n = len(sequence)
    values: dict[Variable, list[Any]] = {
        BEGIN: [None] * n,
        TOKENS: list(sequence),
        POSITIONS: list(range(n)),
    }
    for variable in program.variables:
        if variable not in values:
            values[variable] = [_value(variable, values, place) for place in range(n)]
    return {variable.name: own for variable, own in values.items()}


def check_sequence(program: Program, sequence: Sequence[Value]) -> None:
    """Raise `GraphError` if a program does not take a sequence."""
    if not 1 <= len(sequence) <= program.length:
        raise GraphError(
            f"the sequence has {len(sequence)} tokens: the program takes 1 to {program.length}"
        )
    unknown = [x for x in sequence if x not in program.vocabulary]
    if unknown:
        raise GraphError(f"no token {unknown[0]!r}: the vocabulary is {program.vocabulary}")


def _value(variable: Variable, values: _Known, place: int) -> Any:
    match variable:
        case Map():
            value = values[variable.source][place]
            return None if value is None else variable.function(value)
        case SequenceMap():
            pair = values[variable.first][place], values[variable.second][place]
            return None if None in pair else variable.function(*pair)
        case SelectorWidth():
            return len(_selected(variable.selector, values, place))
        case Aggregate():
            return _common(variable, values, _selected(variable.selector, values, place))
        case Mean():
            numbers = [
                values[variable.source][x] for x in _selected(variable.selector, values, place)
            ]
            return sum(Fraction(x or 0) for x in numbers) / max(len(numbers), 1)
    raise AssertionError(variable)


def _selected(selector: Select, values: _Known, place: int) -> list[int]:
    query = values[selector.queries][place]
    if query is None:
        return []
    return [
        index
        for index, key in enumerate(values[selector.keys])
        if key is not None and selector.chosen(key, query)
    ]


def _common(step: Aggregate, values: _Known, selected: list[int]) -> Any:
    found = dict.fromkeys(values[step.source][x] for x in selected)
    if len(found) > 1:
        raise GraphError(
            f"{step.name!r} aggregates {list(found)}: all selected positions need the same value; "
            "select one, or take the Mean of numbers"
        )
    return next(iter(found), None)
