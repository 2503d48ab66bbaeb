"""A net as walks see it, and what walks have passed through."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Feed", "Walked", "Ways"]


@dataclass(frozen=True, eq=False)
class Feed:
    """A weight that leads units into units."""

    first: int  # its first entry, see `Ways`; copies of a layer share it
    shape: tuple[int, int, int]  # out, in / groups, taps
    rows: NDArray[np.int64]  # [out] the unit that each row leads to
    column: NDArray[np.int64]  # [pairs] each column …
    unit: NDArray[np.int64]  # [pairs] … and a unit that it takes
    groups: int = 1


@dataclass(frozen=True, eq=False)
class Ways:
    """A net as walks see it: weights, wiring, ends.

    The entries of a weight that holds its scalars one after the other are these scalars; those of
    others, as of a transpose or a slice, come behind all scalars and are listed.
    """

    strength: NDArray[np.floating]  # [scalars] what walks go by, ≥ 0
    n_scalars: int  # the first so many are the net's weights; the others are not counted
    listed: NDArray[np.integer]  # which scalar each of the other entries is
    feeds: Sequence[Feed]
    wires: NDArray[np.int64]  # [n, 2] units that are joined without a weight
    layer_of: NDArray[np.int64]  # [U] a walk chooses between layers before it chooses a unit
    inputs: NDArray[np.int64]  # units where forward walks begin
    outputs: NDArray[np.int64]  # units where backward walks begin

    def scalars_of(self, feed: Feed) -> NDArray[np.integer]:
        """Which scalar each entry of a weight is [out, in / groups, taps]."""
        stop, n_own = feed.first + math.prod(feed.shape), self.strength.size
        if stop <= n_own:
            return np.arange(feed.first, stop).reshape(feed.shape)
        return self.listed[feed.first - n_own : stop - n_own].reshape(feed.shape)


@dataclass(frozen=True, eq=False)
class Walked:
    """What walks have passed through."""

    kept: NDArray[np.bool_]  # [n_scalars]
    last: NDArray[np.int64]  # scalars that the last walk has added
    n_walks: int
    n_lost: int  # walks that came to a unit from which none can go on; they keep nothing

    @property
    def before_last(self) -> NDArray[np.bool_]:
        """What was kept before the last walk [n_scalars]."""
        before = self.kept.copy()
        before[self.last] = False
        return before
