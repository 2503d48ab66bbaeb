"""A program: a variable, what it is computed from, and the values that each can have."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product
from types import MappingProxyType
from typing import Any

from netsculpt.core.errors import GraphError, LimitError
from netsculpt.core.numbers import checked_whole
from netsculpt.nets.compiled.primitives import (
    BEGIN,
    POSITIONS,
    TOKENS,
    Aggregate,
    Input,
    Map,
    Mean,
    SelectorWidth,
    SequenceMap,
    Value,
    Variable,
    sources_of,
)

__all__ = ["Program"]

_MOST_VALUES = 1024  # of a variable


@dataclass(frozen=True, eq=False)
class Program:
    """A function of sequences: one output for each position.

    Parameters
    ----------
    output
        The variable that is returned.
    vocabulary
        The tokens, all different; a tuple in the program.
    length
        The most positions that a sequence may have.

    Raises
    ------
    GraphError
        If two steps have the same name, a name is not an identifier, a step reads the mean of
        another otherwise than by a `Map`, a mean is taken of what are not numbers, or a step never
        has a value.
    LimitError
        If a variable can have more than 1,024 values.

    Examples
    --------
    >>> from netsculpt.nets.compiled import TOKENS, Map
    >>> program = Program(Map("next", TOKENS, lambda x: (x + 1) % 3), (0, 1, 2), 4)
    >>> [x.name for x in program.variables]
    ['begin', 'tokens', 'positions', 'next']
    """

    output: Variable
    vocabulary: Sequence[Value]
    length: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "vocabulary", tuple(self.vocabulary))
        checked_whole(self.length, "length", least=1)
        if not self.vocabulary or len(set(self.vocabulary)) < len(self.vocabulary):
            raise GraphError(f"the vocabulary is {self.vocabulary}: different tokens are needed")
        if None in self.vocabulary:
            raise GraphError("the vocabulary has the token None, which means no value: rename it")
        names = [x.name for x in self.variables]
        for name in names:
            if names.count(name) > 1 or not name.isidentifier():
                raise GraphError(
                    f"a variable is called {name!r}: every step needs a name of its own, an "
                    "identifier other than begin, tokens and positions"
                )
        for variable in self.variables:
            self._check_sources(variable)
        if self.output is BEGIN or isinstance(self.output, Mean):
            raise GraphError(
                f"the output is {self.output.name!r}, which has no values to tell apart: map it"
            )
        _ = self.values  # raises if there are too many

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        """Inputs and steps, each after those that it reads."""
        order: dict[Variable, None] = dict.fromkeys((BEGIN, TOKENS, POSITIONS))
        left = [self.output]
        while left:
            variable = left[-1]
            before = [x for x in sources_of(variable) if x not in order]
            if before:
                left += before
            else:
                order[left.pop()] = None
        return tuple(order)

    @cached_property
    def values(self) -> Mapping[str, tuple[Any, ...]]:
        """Values that each variable can have, by its name; those of a mean are sorted fractions."""
        values: dict[str, tuple[Any, ...]] = {}
        for variable in self.variables:
            own = dict.fromkeys(self._values(variable, values))
            own.pop(None, None)
            if not own:
                raise GraphError(
                    f"{variable.name!r} has no value for anything that it reads: drop it, or "
                    "return something other than None"
                )
            if len(own) > _MOST_VALUES:
                raise LimitError(
                    f"{variable.name!r} has {len(own):,} values: at most {_MOST_VALUES:,} get a "
                    "channel each; use a smaller vocabulary or length"
                )
            values[variable.name] = tuple(own)
        return MappingProxyType(values)

    @cached_property
    def feeds(self) -> frozenset[tuple[str, str]]:
        """Which variables each variable is computed from: (source, target)."""
        return frozenset((x.name, y.name) for y in self.variables for x in sources_of(y))

    def _values(self, variable: Variable, known: Mapping[str, tuple[Any, ...]]) -> list[Any]:
        match variable:
            case Input():
                inputs: dict[Input, list[Any]] = {
                    BEGIN: [True],
                    TOKENS: [*self.vocabulary],
                    POSITIONS: [*range(self.length)],
                }
                return inputs[variable]
            case Aggregate():
                return [*known[variable.source.name]]
            case SelectorWidth():
                return [*range(self.length + 1)]
            case Map():
                return [variable.function(x) for x in known[variable.source.name]]
            case SequenceMap():
                both = product(known[variable.first.name], known[variable.second.name])
                return [variable.function(*pair) for pair in both]
            case Mean():
                values = known[variable.source.name]
                if not all(isinstance(x, numbers.Rational) for x in values):
                    raise GraphError(
                        f"{variable.name!r} is the mean of {values}: whole numbers or fractions "
                        "are needed; map the source to such"
                    )
                return _means(values, self.length)

    def _check_sources(self, variable: Variable) -> None:
        for source in sources_of(variable):
            if source is BEGIN:
                raise GraphError(f"{variable.name!r} reads the begin token: no program may")
            if isinstance(source, Mean) and not isinstance(variable, Map):
                raise GraphError(
                    f"{variable.name!r} reads the mean {source.name!r}: only a Map reads means; "
                    "put one between them"
                )


def _means(values: tuple[Any, ...], most: int) -> list[Fraction]:
    """All means of up to `most` of the values, each with any multiplicity, sorted."""
    means = {Fraction(0)}
    sums = {Fraction(0)}
    for n in range(1, most + 1):
        sums = {x + y for x in sums for y in (*map(Fraction, values), Fraction(0))}
        means |= {x / n for x in sums}
        if len(means) > _MOST_VALUES:
            break
    return sorted(means)
