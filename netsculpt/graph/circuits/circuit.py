"""A circuit as a DAG of gates: a sub-expression that occurs twice is one gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

__all__ = ["Circuit", "Gate", "Gates", "Operand"]

Operand = tuple[int | str, bool]  # index of a gate, or name of an input or function; True = negated


@dataclass(frozen=True)
class Gate:
    """AND or OR of operands that may be negated, computed by one threshold unit."""

    kind: str  # "and", "or"
    operands: tuple[Operand, ...]


@dataclass
class Gates:
    """A growing list of different gates, each after its operands."""

    order: list[Gate] = field(default_factory=list)
    places: dict[Gate, int] = field(default_factory=dict)

    def index(self, gate: Gate) -> int:
        """Place of a gate in the list, to which it is added if it is new."""
        place = self.places.setdefault(gate, len(self.order))
        if place == len(self.order):
            self.order.append(gate)
        return place


@dataclass(frozen=True)
class Circuit:
    """Named Boolean functions of named inputs, each after the functions that it uses."""

    inputs: tuple[str, ...]
    gates: tuple[Gate, ...]  # each after its operands
    served: tuple[str, ...]  # the first function that needs each gate
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

    @cached_property
    def origins(self) -> Mapping[str, str]:
        """The function that each line merely copies or negates; otherwise the line's own name."""
        origins: dict[str, str] = {}
        for name, (value, _) in self.functions.items():
            origins[name] = origins.get(value, name) if isinstance(value, str) else name
        return MappingProxyType(origins)

    def behind(self, operand: Operand) -> Operand:
        """The gate or the input that an operand stands for."""
        value, negated = operand
        if isinstance(value, str) and value in self.functions:
            value, inverted = self._bodies[value]
            return value, negated ^ inverted
        return operand

    @cached_property
    def _bodies(self) -> Mapping[int | str, Operand]:
        """The gate or the input behind each function; copies of copies are followed."""
        bodies: dict[int | str, Operand] = {}
        for name, (value, negated) in self.functions.items():
            below, inverted = bodies.get(value, (value, False))
            bodies[name] = below, negated ^ inverted
        return bodies
