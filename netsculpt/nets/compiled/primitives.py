"""The steps of a program on sequences, after RASP.

Every step gives a value for each position. Weiss, Goldberg and Yahav 2021, arXiv:2106.06981.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = [
    "BEGIN",
    "POSITIONS",
    "TOKENS",
    "Aggregate",
    "Input",
    "Map",
    "Mean",
    "Select",
    "SelectorWidth",
    "SequenceMap",
    "Step",
    "Value",
    "Variable",
    "sources_of",
]

Value: TypeAlias = Any  # hashable; None: no value here, and none in what is made of it


@dataclass(frozen=True)
class Input:
    """What a sequence itself says at each position."""

    name: str


BEGIN = Input("begin")  # an extra token before every sequence, which no program reads
TOKENS = Input("tokens")
POSITIONS = Input("positions")  # 0, 1, …


@dataclass(frozen=True, eq=False)
class Select:
    """Which positions each position selects: those where ``chosen(key, query)`` is true.

    `keys` is read at the position that may be selected, `queries` at the one that selects.
    """

    keys: Variable
    queries: Variable
    chosen: Callable[[Value, Value], bool]


@dataclass(frozen=True, eq=False)
class Aggregate:
    """The value of `source` at the selected positions, which must all have the same one.

    Where nothing is selected there is no value.
    """

    name: str
    selector: Select
    source: Variable


@dataclass(frozen=True, eq=False)
class Mean:
    """The mean of a source of numbers over the selected positions: a number, held by one channel.

    It is 0 where nothing is selected; positions where the source has no value count as 0.
    """

    name: str
    selector: Select
    source: Variable


@dataclass(frozen=True, eq=False)
class SelectorWidth:
    """How many positions are selected."""

    name: str
    selector: Select


@dataclass(frozen=True, eq=False)
class Map:
    """A function of the value at the same position."""

    name: str
    source: Variable
    function: Callable[[Value], Value]


@dataclass(frozen=True, eq=False)
class SequenceMap:
    """A function of two values at the same position."""

    name: str
    first: Variable
    second: Variable
    function: Callable[[Value, Value], Value]


Step: TypeAlias = Aggregate | Mean | SelectorWidth | Map | SequenceMap
Variable: TypeAlias = Input | Step


def sources_of(variable: Variable) -> tuple[Variable, ...]:
    """The variables that a variable is computed from."""
    match variable:
        case Aggregate() | Mean():
            return variable.selector.keys, variable.selector.queries, variable.source
        case SelectorWidth():
            return variable.selector.keys, variable.selector.queries
        case Map():
            return (variable.source,)
        case SequenceMap():
            return variable.first, variable.second
        case _:
            return ()
