"""Edges into a layer, and the weights and columns that they come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from netsculpt.tracing.engine.scalars import Scalars
    from netsculpt.tracing.program import Constant

__all__ = ["Columns", "Edges", "Floats", "Ints", "LayerWeight", "Units", "summed"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Units = NDArray[np.int32]  # in edges, where they take the most memory
_CHUNK = 1 << 22  # edges scaled at a time


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
