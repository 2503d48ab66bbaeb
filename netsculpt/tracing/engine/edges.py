"""Edges into a layer, and the weights and columns that they come from."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.tracing.addresses import NOWHERE, Addresses, Stored, addresses, may_repeat, memory_of

if TYPE_CHECKING:
    from torch import Tensor

    from netsculpt.tracing.program import Constant

__all__ = ["Columns", "Edges", "Floats", "Ints", "LayerWeight", "Scalars", "Units", "summed"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Units = NDArray[np.int32]  # in edges, where they take the most memory
_CHUNK = 1 << 22  # edges or scalars worked on at a time


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

    def behind(self, source: NDArray[np.integer], target: NDArray[np.integer]) -> NDArray[np.int64]:
        """Address of the first scalar behind each edge [E]."""
        if self.taps is not None:
            every = self._every(np.arange(self.value.shape[0]))
            flat: NDArray[np.int64] = every.reshape(-1)[self.taps]
            return flat
        taken = self.columns
        assert taken is not None
        n_out, width = self.value.shape[:2]
        key = taken.unit * taken.n_copies + taken.copies
        known, first = np.unique(key, return_index=True)  # columns ascend: the first of each unit
        address = np.empty(source.size, np.int64)
        for begin in range(0, source.size, _CHUNK):
            chunk = slice(begin, begin + _CHUNK)
            copy, row = np.divmod(target[chunk].astype(np.int64) - self.start, n_out)
            place = np.searchsorted(known, source[chunk].astype(np.int64) * taken.n_copies + copy)
            column = taken.column[first[place]] % width
            address[chunk] = self._first(row, column)
        return address

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
    def _all(self) -> NDArray[np.int64]:
        """Address of every scalar of a weight whose entries were moved [out, in / groups, taps]."""
        shape = self.value.shape
        every: NDArray[np.int64] = addresses(self.value).numpy()
        return every.reshape(*shape[:2], math.prod(shape[2:]))


@dataclass(eq=False)
class Edges:
    """Edges into one layer, through one parameter."""

    source: NDArray[np.integer]  # units
    target: NDArray[np.integer]  # units
    weight: NDArray[Any]
    count: NDArray[np.integer] | None  # scalars behind each edge (None: 1)
    size: dict[int, int]  # scalars before masking, by index of the source layer
    parameter: str | None
    kind: str
    normed: bool  # whether weights are magnitudes
    scalars: Scalars | None = None  # of the weight, in memory; None: wiring

    def scale(self, factor: Floats, start: int) -> None:
        """Multiply the edges into each target by its factor."""
        factor = np.abs(factor) if self.normed else factor
        for first in range(0, self.weight.size, _CHUNK):
            chunk = slice(first, first + _CHUNK)
            self.weight[chunk] *= factor[self.target[chunk] - start]

    def cut(self, units: Ints) -> None:
        """Leave out the edges into some units."""
        self.only(~np.isin(self.target, units))

    def only(self, keep: NDArray[np.bool_]) -> None:
        """Keep some of the edges [E]."""
        self.source, self.target, self.weight = (
            x[keep] for x in (self.source, self.target, self.weight)
        )
        self.count = None if self.count is None else self.count[keep]
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
