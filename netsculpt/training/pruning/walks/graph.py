"""A net as walks see it, and what walks have passed through."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Connection", "Visited", "WalkGraph"]


@dataclass(frozen=True, eq=False)
class Connection:
    """A weight that leads from units to units."""

    first: int  # its first entry, see `WalkGraph`; copies of a layer share it
    shape: tuple[int, int, int]  # out, in / groups, taps
    rows: NDArray[np.int64]  # [out] the unit that each row leads to
    column: NDArray[np.int64]  # [pairs] each column …
    unit: NDArray[np.int64]  # [pairs] … and a unit that it reads
    groups: int = 1


@dataclass(frozen=True, eq=False)
class WalkGraph:
    """The graph that walks move on: weights, wires, ends.

    Where a weight holds its scalars in order, its entries are these scalars. Entries of other
    weights, such as a transpose or a slice, come after all scalars and are listed.
    """

    strength: NDArray[np.floating]  # [scalars] walks follow it; ≥ 0
    n_scalars: int  # the first so many are the net's weights; the others are not counted
    listed: NDArray[np.integer]  # the scalar of each other entry
    connections: Sequence[Connection]
    wires: NDArray[np.int64]  # [n, 2] units that are joined without a weight
    layer_of: NDArray[np.int64]  # [U] a walk chooses a layer before it chooses a unit
    inputs: NDArray[np.int64]  # units where forward walks begin
    outputs: NDArray[np.int64]  # units where backward walks begin

    def scalars_of(self, connection: Connection) -> NDArray[np.integer]:
        """The scalar of each entry of a weight [out, in / groups, taps]."""
        shape, n_own = connection.shape, self.strength.size
        stop = connection.first + math.prod(shape)
        if stop <= n_own:
            return np.arange(connection.first, stop).reshape(shape)
        return self.listed[connection.first - n_own : stop - n_own].reshape(shape)


@dataclass(frozen=True, eq=False)
class Visited:
    """What walks have passed through."""

    kept: NDArray[np.bool_]  # [n_scalars]
    last: NDArray[np.int64]  # scalars that the last walk added
    n_walks: int
    n_lost: int  # walks that reached a unit with no way on; they keep nothing
