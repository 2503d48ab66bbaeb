"""Edges into a layer, and the weights and columns that they come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from netsculpt.tracing.program import Constant

__all__ = ["Columns", "Edges", "Ints", "LayerWeight", "summed"]

Ints = NDArray[np.int64]
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

    def scale(self, factor: NDArray[np.float64], start: int) -> None:
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
    factor: NDArray[np.float64]
    copy: Ints | None = None  # the copy of the weight that takes the unit (None: there is one)
    n_copies: int = 1

    @property
    def copies(self) -> Ints:
        """The copy of the weight for each pair."""
        return np.zeros_like(self.unit) if self.copy is None else self.copy

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
    key: Ints, weight: NDArray[np.float64], count: Ints
) -> tuple[Ints, NDArray[np.float64], Ints]:
    """Sums of the weights and counts of equal keys, by ascending key."""
    order = np.argsort(key, kind="stable")
    key, weight, count = key[order], weight[order], count[order]
    begin = np.flatnonzero(np.diff(key, prepend=-1))
    if begin.size == key.size:
        return key, weight, count
    return key[begin], np.add.reduceat(weight, begin), np.add.reduceat(count, begin)
