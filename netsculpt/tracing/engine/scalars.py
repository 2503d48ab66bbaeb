"""Which stored scalars are behind edges: each is counted once, wherever it is used.

A layer that is called twice, a weight that multiplies several rows of units and a kernel at several
positions use the same scalars again, and so do tied weights that are sliced or transposed. What
identifies a scalar is its address: views of a parameter keep it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from netsculpt.tracing.engine.edges import Columns, Edges, Ints

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Scalars", "covering", "numbered", "of_columns", "of_taps", "sizes_once"]


@dataclass(frozen=True, eq=False)
class Scalars:
    """The scalars of one weight that feed a layer, and those behind each of its edges."""

    value: Tensor  # [out, in / groups, …taps]
    layer: Ints  # [in] index of the layer that feeds each column; −1: none
    groups: int
    stored: bool  # whether it is a parameter, or made from one: not a buffer
    columns: Columns | None  # None: one use at each position
    start: int
    taps: Ints | None = None  # [E] place of each edge's scalar in the flat weight
    counted: NDArray[np.bool_] | None = None  # [E] edges that have all scalars between them

    @property
    def storage(self) -> int:
        """Address of the memory that the weight is in; views of one parameter share it."""
        return self.value.untyped_storage().data_ptr()

    @property
    def repeats(self) -> bool:
        """Whether this one layer may use a scalar more than once."""
        return self.columns is None or self.columns.n_copies > 1

    def addresses(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Address of each scalar in a column that is fed, and the layer that feeds it."""
        n_out, width = self.value.shape[:2]
        of_row = np.repeat(self.layer.reshape(self.groups, width), n_out // self.groups, axis=0)
        fed = of_row >= 0
        every = self._every()[fed]
        return every.ravel(), np.repeat(of_row[fed], every.shape[1])

    def sizes(self) -> dict[int, int]:
        """Number of scalars in the columns that each layer feeds."""
        n_rows = len(self.value) // self.groups * math.prod(self.value.shape[2:])
        counts = np.bincount(self.layer[self.layer >= 0]) * n_rows
        return {layer: int(n) for layer, n in enumerate(counts) if n}

    def behind(self, edges: Edges) -> NDArray[np.int64]:
        """Address of the first scalar behind each edge [E]."""
        if self.taps is not None:
            flat: NDArray[np.int64] = self._every().reshape(-1)[self.taps]
            return flat
        taken = self.columns
        assert taken is not None
        n_out, width = self.value.shape[:2]
        copy, row = np.divmod(edges.target.astype(np.int64) - self.start, n_out)
        key = taken.unit * taken.n_copies + taken.copies
        known, first = np.unique(key, return_index=True)  # columns ascend: the first of each unit
        place = np.searchsorted(known, edges.source.astype(np.int64) * taken.n_copies + copy)
        column = taken.column[first[place]] % width
        step = [size * self.value.element_size() for size in self.value.stride()]
        address: NDArray[np.int64] = self.value.data_ptr() + row * step[0] + column * step[1]
        return address

    def _every(self) -> NDArray[np.int64]:
        """Address of every scalar [out, in / groups, taps]."""
        shape = self.value.shape
        total = np.full((1,) * len(shape), self.value.data_ptr(), np.int64)
        for dim, (size, stride) in enumerate(zip(shape, self.value.stride(), strict=True)):
            step = np.arange(size, dtype=np.int64) * (stride * self.value.element_size())
            total = total + step.reshape([-1 if d == dim else 1 for d in range(len(shape))])
        return total.reshape(*shape[:2], math.prod(shape[2:]))


def of_columns(
    value: Tensor, taken: Columns, start: int, layer_of: Ints, groups: int, *, stored: bool
) -> Scalars:
    """Scalars of a weight [out, in / groups, …] whose columns take units of some layers."""
    layer = np.full(value.shape[1] * groups, -1)
    layer[taken.column[::-1]] = layer_of[::-1]  # of several copies the first
    return Scalars(value, layer, groups, stored, taken, start)


def of_taps(
    value: Tensor,
    taps: Ints | None,
    layer: Ints,
    groups: int,
    *,
    stored: bool,
    counted: NDArray[np.bool_] | None = None,
) -> Scalars:
    """Scalars of a kernel [out, in / groups, …] at every position."""
    return Scalars(value, layer, groups, stored, None, 0, taps, counted)


def covering(
    channel: Ints, target: Ints, count: NDArray[np.integer], n_positions: int
) -> NDArray[np.bool_]:
    """Edges that have the scalars of a kernel between them, each once [E].

    For edges that are sums of several scalars: of each pair of channels those edges into the
    position that takes the most.
    """
    position, row = target % n_positions, target // n_positions
    pair = row * (int(channel.max(initial=0)) + 1) + channel
    window, place = np.unique(pair * n_positions + position, return_inverse=True)
    taken = np.bincount(place, count)
    order = np.lexsort((-taken, window // n_positions))
    pairs = (window // n_positions)[order]
    best = np.zeros(window.size, dtype=np.bool_)
    best[order[np.diff(pairs, prepend=-1) != 0]] = True
    chosen: NDArray[np.bool_] = best[place]
    return chosen


def sizes_once(every: Sequence[Scalars]) -> list[dict[int, int]]:
    """Stored scalars of each use of a weight that no use before it has, by layer that feeds it."""
    uses = Counter(x.storage for x in every)
    seen: dict[int, NDArray[np.int64]] = {}
    sizes: list[dict[int, int]] = []
    for scalars in every:
        if not scalars.stored:
            sizes.append({})
        elif uses[scalars.storage] == 1:
            sizes.append(scalars.sizes())
        else:
            before = seen.get(scalars.storage, np.zeros(0, np.int64))
            address, layer = scalars.addresses()
            new = ~np.isin(address, before)
            fresh, first = np.unique(address[new], return_index=True)
            seen[scalars.storage] = np.union1d(before, fresh)
            counts = np.bincount(layer[new][first])
            sizes.append({index: int(n) for index, n in enumerate(counts) if n})
    return sizes


def numbered(edges: Sequence[Edges]) -> NDArray[np.int32] | None:
    """The number of the scalars behind each edge, −1: none; None if no two edges share any."""
    every = [x.scalars for x in edges if x.scalars is not None]
    uses = Counter(x.storage for x in every)
    if all(x.stored and not x.repeats and uses[x.storage] == 1 for x in every):
        return None
    begin = np.cumsum([0, *(x.source.size for x in edges)])
    numbers = np.full(begin[-1], -1, np.int32)
    shared: dict[int, list[int]] = {}
    n_numbers = 0
    for index, each in enumerate(edges):
        scalars, place = each.scalars, slice(begin[index], begin[index + 1])
        if scalars is None or not scalars.stored:
            continue
        if scalars.counted is not None:
            chosen = np.flatnonzero(scalars.counted) + begin[index]
            numbers[chosen] = np.arange(n_numbers, n_numbers + chosen.size)
            n_numbers += chosen.size
        elif not scalars.repeats and uses[scalars.storage] == 1:
            numbers[place] = np.arange(n_numbers, n_numbers + each.source.size)
            n_numbers += each.source.size
        else:
            shared.setdefault(scalars.storage, []).append(index)
    for together in shared.values():
        found = [edges[i].scalars.behind(edges[i]) for i in together]  # type: ignore[union-attr]
        values, number = np.unique(np.concatenate(found), return_inverse=True)
        parts = np.split(number, np.cumsum([x.size for x in found])[:-1])
        for index, part in zip(together, parts, strict=True):
            numbers[begin[index] : begin[index + 1]] = part + n_numbers
        n_numbers += values.size
    return numbers
