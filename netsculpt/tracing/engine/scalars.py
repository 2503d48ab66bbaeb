"""Which stored scalars are behind edges: each is counted once, wherever it is used.

A layer that is called twice, a weight that multiplies several rows of units and a kernel at several
positions use the same scalars again, and so do tied weights that are sliced or transposed. What
identifies a scalar is its address: views of a parameter keep it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from netsculpt.tracing.engine.edges import Columns, Edges, Ints, Scalars

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["covering", "numbered", "of_columns", "of_taps", "sizes_once"]

_CHUNK = 1 << 22  # scalars counted at a time


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
    memory = {x.storage: _Memory.of(every, x.storage) for x in every if uses[x.storage] > 1}
    return [_fresh(x, memory.get(x.storage)) for x in every]


def _fresh(scalars: Scalars, memory: _Memory | None) -> dict[int, int]:
    if not scalars.stored:
        return {}
    if memory is None:
        return scalars.sizes()
    before = memory.n_by_layer()
    for address, layer in scalars.addresses():
        place = memory.places(address)
        new = memory.first_layer[place] < 0
        memory.first_layer[place[new][::-1]] = layer[new][::-1]
    return {index: n - before.get(index, 0) for index, n in memory.n_by_layer().items()
            if n > before.get(index, 0)}  # fmt: skip


@dataclass(eq=False)
class _Memory:
    """The memory that several weights are views of."""

    begin: int  # its address
    unit: int  # bytes
    first_layer: NDArray[np.int32]  # of each place: the layer that feeds its scalar first; −1: none

    @classmethod
    def of(cls, every: Sequence[Scalars], storage: int) -> _Memory:
        values = [x.value for x in every if x.storage == storage]
        unit = min(value.element_size() for value in values)
        n_places = values[0].untyped_storage().nbytes() // unit
        return cls(storage, unit, np.full(n_places, -1, np.int32))

    def places(self, address: NDArray[np.int64]) -> NDArray[np.int64]:
        """Index of each address, in place."""
        address -= self.begin
        address //= self.unit
        return address

    def n_by_layer(self) -> dict[int, int]:
        """Number of scalars that each layer is the first to feed."""
        counts: Counter[int] = Counter()
        for begin in range(0, self.first_layer.size, _CHUNK):  # bincount takes them as int64
            chunk = np.bincount(self.first_layer[begin : begin + _CHUNK] + 1)[1:]
            counts.update({index: int(n) for index, n in enumerate(chunk) if n})
        return dict(counts)


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
    for storage, together in shared.items():
        memory = _Memory.of(every, storage)
        used = np.zeros(memory.first_layer.size, dtype=bool)
        for index in together:
            used[_places(edges[index], memory)] = True
        rank = np.cumsum(used, dtype=np.int32) + np.int32(n_numbers - 1)
        for index in together:
            numbers[begin[index] : begin[index + 1]] = rank[_places(edges[index], memory)]
        n_numbers += int(np.count_nonzero(used))
    return numbers


def _places(edges: Edges, memory: _Memory) -> NDArray[np.int64]:
    assert edges.scalars is not None
    return memory.places(edges.scalars.behind(edges.source, edges.target))
