"""Edges into a layer, and the weights and columns that they come from."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.tracing.addresses import NOWHERE, Addresses, Stored, addresses, memory_of

if TYPE_CHECKING:
    from torch import Tensor

    from netsculpt.tracing.program import Constant

__all__ = ["Columns", "Edges", "Floats", "Ints", "LayerWeight", "Scalars", "Units", "summed"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Units = NDArray[np.int32]  # in edges, where they take the most memory
_CHUNK = 1 << 22  # edges scaled at a time


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
        moved = isinstance(self.value, Addresses)
        return moved or taken is None or taken.n_copies > 1 or taken.mixed

    def addresses(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Address of each scalar in a column that is fed, and the layer that feeds it."""
        n_out, width = self.value.shape[:2]
        of_row = np.repeat(self.layer.reshape(self.groups, width), n_out // self.groups, axis=0)
        fed = of_row >= 0
        every = self._every()[fed]
        return every.ravel(), np.repeat(of_row[fed], every.shape[1])

    def sizes(self) -> dict[int, int]:
        """Number of scalars in the columns that each layer feeds."""
        n_rows = self.value.shape[0] // self.groups * math.prod(self.value.shape[2:])
        counts = np.bincount(self.layer[self.layer >= 0]) * n_rows
        return {layer: int(n) for layer, n in enumerate(counts) if n}

    def behind(self, source: NDArray[np.integer], target: NDArray[np.integer]) -> NDArray[np.int64]:
        """Address of the first scalar behind each edge [E]."""
        if self.taps is not None:
            flat: NDArray[np.int64] = self._every().reshape(-1)[self.taps]
            return flat
        taken = self.columns
        assert taken is not None
        n_out, width = self.value.shape[:2]
        copy, row = np.divmod(target.astype(np.int64) - self.start, n_out)
        key = taken.unit * taken.n_copies + taken.copies
        known, first = np.unique(key, return_index=True)  # columns ascend: the first of each unit
        place = np.searchsorted(known, source.astype(np.int64) * taken.n_copies + copy)
        column = taken.column[first[place]] % width
        if isinstance(self.value, Addresses):
            taps = self._every()[row, column]
            first = np.where(taps == NOWHERE, np.iinfo(np.int64).max, taps).min(axis=1)
            return np.where((taps == NOWHERE).all(axis=1), NOWHERE, first)
        step = [size * self.value.element_size() for size in self.value.stride()]
        address: NDArray[np.int64] = self.value.data_ptr() + row * step[0] + column * step[1]
        return address

    def of_edges(self, keep: NDArray[np.bool_]) -> Scalars:
        """The same scalars, for some of the edges."""
        taps = None if self.taps is None else self.taps[keep]
        counted = None if self.counted is None else self.counted[keep]
        return replace(self, taps=taps, counted=counted)

    def _every(self) -> NDArray[np.int64]:
        """Address of every scalar [out, in / groups, taps]."""
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
        keep = ~np.isin(self.target, units)
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
