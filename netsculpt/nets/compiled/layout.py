"""Where a program's variables live in the residual stream, and in which layer each is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from netsculpt.nets.compiled.primitives import (
    Aggregate,
    Input,
    Map,
    Mean,
    SelectorWidth,
    SequenceMap,
    Step,
    sources_of,
)
from netsculpt.nets.compiled.program import Program

__all__ = ["Layout", "layout_of"]

_HEADS = (Aggregate, Mean, SelectorWidth)


@dataclass(frozen=True)
class Layout:
    """Channels of the residual stream, and layers.

    A mean has one channel, a selector width one for 1 ∕ (1 + width); every variable but a mean has
    a channel for each of its values.
    """

    owners: tuple[str, ...]  # the variable that each channel belongs to
    one_hot: Mapping[str, slice]  # channels of a variable's values
    number: Mapping[str, int]  # channel of a mean, or of 1 ∕ (1 + width)
    layers: tuple[tuple[Step, ...], ...]  # steps of each: heads, MLP, heads, …; some may be empty


def layout_of(program: Program) -> Layout:
    """The layout in which every step is computed as early as possible."""
    owners: list[str] = []
    one_hot: dict[str, slice] = {}
    number: dict[str, int] = {}
    for variable in program.variables:
        if isinstance(variable, Mean | SelectorWidth):
            number[variable.name] = len(owners)
            owners.append(variable.name)
        if not isinstance(variable, Mean):
            values = program.values[variable.name]
            one_hot[variable.name] = slice(len(owners), len(owners) + len(values))
            owners += [variable.name] * len(values)
    return Layout(
        tuple(owners), MappingProxyType(one_hot), MappingProxyType(number), _layers(program)
    )


def _layers(program: Program) -> tuple[tuple[Step, ...], ...]:
    """Heads in the 1st, 3rd, … layer, functions of a position in the others."""
    ready: dict[str, int] = {}  # number of the layer behind which a variable is there
    layers: dict[int, list[Step]] = {}
    for variable in program.variables:
        if isinstance(variable, Input):
            ready[variable.name] = 0
            continue
        first = 1 + max(ready[x.name] for x in sources_of(variable))
        if isinstance(variable, _HEADS):
            first += 1 - first % 2
            layers.setdefault(first, []).append(variable)
            first += isinstance(variable, SelectorWidth)
        if isinstance(variable, Map | SequenceMap | SelectorWidth):
            first += first % 2
            layers.setdefault(first, []).append(variable)
        ready[variable.name] = first
    return tuple(tuple(layers.get(x, ())) for x in range(1, 1 + max(layers, default=0)))
