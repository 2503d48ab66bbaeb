"""Edges into a layer, and the weights and columns that they come from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from netsculpt.tracing.addresses import NOWHERE, Addresses, Stored, addresses, may_repeat, memory_of

if TYPE_CHECKING:
    from torch import Tensor

    from netsculpt.tracing.program import Constant

__all__ = [
    "Columns",
    "Edges",
    "Ends",
    "Entries",
    "Floats",
    "Ints",
    "LayerWeight",
    "Part",
    "Scalars",
    "Units",
    "summed",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Units = NDArray[np.int32]  # in edges, where they take the most memory
Ends = NDArray[np.integer]  # sources or targets of edges
_CHUNK = 1 << 22  # scalars worked on at a time


@dataclass(frozen=True, eq=False)
class Columns:
    """Which units a weight's columns take: distinct pairs, ordered by column.

    Where positions have different units, the weight has a copy for each.
    """

    column: Ints
    unit: Ints
    factor: Floats
    copies: Ints  # the copy of the weight that takes the unit
    n_copies: int = 1

    @property
    def shared(self) -> bool:
        """Whether a unit is in several columns of one copy."""
        key = self.unit * self.n_copies + self.copies
        return np.unique(key).size < key.size

    @property
    def mixed(self) -> bool:
        """Whether a column takes several units."""
        return np.unique(self.column).size < self.column.size


@dataclass(frozen=True, eq=False)
class Scalars:
    """The scalars of one weight that feed a layer, and those behind each of its edges."""

    value: Stored  # [out, in / groups, …taps]
    layer: Ints  # [in] index of the layer that feeds each column; −1: none
    groups: int
    stored: bool  # whether it is a parameter, or made from one: not a buffer
    columns: Columns | None  # None: one use at each position
    start: int
    taps: Ints | None = None  # [E] place of each edge's scalar in the flat weight
    counted: NDArray[np.bool_] | None = None  # [E] edges that have all scalars between them

    @property
    def memory(self) -> tuple[Tensor, ...]:
        """Tensors in the memory that the weight is in; views of one parameter share it."""
        return memory_of(self.value)

    @property
    def repeats(self) -> bool:
        """Whether this one layer may use a scalar more than once."""
        taken = self.columns
        moved = may_repeat(self.value)
        return moved or taken is None or taken.n_copies > 1 or taken.mixed

    def addresses(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Address of each scalar in a column that is fed, and the layer that feeds it, in parts."""
        n_out, width = self.value.shape[:2]
        layer = self.layer.reshape(self.groups, width)
        step = max(1, _CHUNK * n_out // max(math.prod(self.value.shape), 1))  # rows at a time
        for first in range(0, n_out, step):
            rows = np.arange(first, min(first + step, n_out))
            of_row = layer[rows * self.groups // n_out]
            fed = of_row >= 0
            every = self._every(rows)[fed]
            yield every.ravel(), np.repeat(of_row[fed], every.shape[1])

    def sizes(self) -> dict[int, int]:
        """Number of scalars in the columns that each layer feeds."""
        n_rows = self.value.shape[0] // self.groups * math.prod(self.value.shape[2:])
        counts = np.bincount(self.layer[self.layer >= 0]) * n_rows
        return {layer: int(n) for layer, n in enumerate(counts) if n}

    def behind(self, part: Part) -> NDArray[np.int64]:
        """Address of the first scalar behind each of some edges."""
        if self.taps is not None:
            return self._flat[self.taps[part.place]]
        taken = self.columns
        assert taken is not None
        n_out, width = self.value.shape[:2]
        known, first = self._columns_of_units
        copy, row = np.divmod(part.target.astype(np.int64) - self.start, n_out)
        place = np.searchsorted(known, part.source.astype(np.int64) * taken.n_copies + copy)
        return self._first(row, taken.column[first[place]] % width)

    def of_edges(self, keep: NDArray[np.bool_]) -> Scalars:
        """The same scalars, for some of the edges."""
        taps = None if self.taps is None else self.taps[keep]
        counted = None if self.counted is None else self.counted[keep]
        return replace(self, taps=taps, counted=counted)

    def _first(self, row: NDArray[np.int64], column: NDArray[np.int64]) -> NDArray[np.int64]:
        """Address of the first scalar of each kernel."""
        if isinstance(self.value, Addresses):
            taps = self._all[row, column]
            least = np.where(taps == NOWHERE, np.iinfo(np.int64).max, taps).min(axis=1)
            return np.where((taps == NOWHERE).all(axis=1), NOWHERE, least)
        step = [size * self.value.element_size() for size in self.value.stride()]
        found: NDArray[np.int64] = self.value.data_ptr() + row * step[0] + column * step[1]
        return found

    def _every(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Address of every scalar of some rows [rows, in / groups, taps]."""
        if isinstance(self.value, Addresses):
            return self._all[rows]
        shape = (rows.size, *self.value.shape[1:])
        total = np.full((1,) * len(shape), self.value.data_ptr(), np.int64)
        for dim, (size, stride) in enumerate(zip(shape, self.value.stride(), strict=True)):
            index = np.arange(size, dtype=np.int64) if dim else rows
            step = index * (stride * self.value.element_size())
            total = total + step.reshape([-1 if d == dim else 1 for d in range(len(shape))])
        return total.reshape(*shape[:2], math.prod(shape[2:]))

    @cached_property
    def _flat(self) -> NDArray[np.int64]:
        """Address of every scalar, in the order of the flat weight."""
        every: NDArray[np.int64] = addresses(self.value).reshape(-1).numpy()
        return every

    @cached_property
    def _columns_of_units(self) -> tuple[Ints, NDArray[np.intp]]:
        """Keys of units in a copy, ascending, and where each is first among the columns."""
        taken = self.columns
        assert taken is not None
        known, first = np.unique(taken.unit * taken.n_copies + taken.copies, return_index=True)
        return known, first  # columns ascend: the first of each unit

    @cached_property
    def _all(self) -> NDArray[np.int64]:
        """Address of every scalar of a weight whose entries were moved [out, in / groups, taps]."""
        shape = self.value.shape
        every: NDArray[np.int64] = addresses(self.value).numpy()
        return every.reshape(*shape[:2], math.prod(shape[2:]))


class Part(NamedTuple):
    """Some of the edges into a layer, by source."""

    place: slice | NDArray[np.intp]  # among all of them
    source: Ends
    target: Ends
    weight: NDArray[Any]
    counts: Ends | None  # scalars behind each edge (None: 1)


class Entries(Protocol):
    """Edges as they are held until the graph is made."""

    @property
    def n_edges(self) -> int:
        """How many there are."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of their weights."""

    @property
    def sources(self) -> Ends:
        """The units that they leave, each once or more."""

    @property
    def counted(self) -> bool:
        """Whether several scalars are behind an edge."""

    def n_leaving(self, n_units: int) -> Ints:
        """How many leave each unit [U]."""

    def parts(self) -> Iterator[Part]:
        """All of them, so many at a time that little memory is needed."""

    def scale(self, factor: Floats, start: int) -> None:
        """Multiply those into each target by its factor, of the target `start` the first."""

    def only(self, chosen: Callable[[Ends, Ends], Any]) -> tuple[Entries, NDArray[np.bool_]]:
        """Those whose sources and targets are chosen, and which they are."""


@dataclass(eq=False)
class Edges:
    """Edges into one layer, through one parameter."""

    entries: Entries
    size: dict[int, int]  # scalars before masking, by index of the source layer
    parameter: str | None
    kind: str
    normed: bool  # whether weights are magnitudes
    scalars: Scalars | None = None  # of the weight, in memory; None: wiring

    def scale(self, factor: Floats, start: int) -> None:
        """Multiply the edges into each target by its factor."""
        self.entries.scale(np.abs(factor) if self.normed else factor, start)

    def cut(self, units: Ints) -> None:
        """Leave out the edges into some units."""
        self.only(lambda _, target: ~np.isin(target, units))

    def only(self, chosen: Callable[[Ends, Ends], Any]) -> None:
        """Keep the edges whose sources and targets are chosen."""
        self.entries, keep = self.entries.only(chosen)
        self.scalars = None if self.scalars is None else self.scalars.of_edges(keep)


@dataclass(frozen=True, eq=False)
class LayerWeight:
    """A weight that feeds a layer, and the units that it takes."""

    weight: Constant
    taken: Columns
    start: int  # the target of its first row
    groups: int


def summed(
    source: Ints | Units, target: Ints | Units, weight: Floats, count: Ints | None = None
) -> tuple[Units, Units, Floats, Ints]:
    """Edges by source, then by target; where a pair of units repeats, its weights add up.

    The last array is the sum of the counts of each pair: without counts, how often it was there.
    """
    stop = np.int64(target.max(initial=0)) + 1
    key = source * stop + target
    order = np.argsort(key, kind="stable")
    count = np.ones_like(key) if count is None else count[order]
    key, weight = key[order], weight[order]
    begin = np.flatnonzero(np.diff(key, prepend=-1))
    if begin.size < key.size:
        key, weight, count = key[begin], *(np.add.reduceat(x, begin) for x in (weight, count))
    return (key // stop).astype(np.int32), (key % stop).astype(np.int32), weight, count
