"""Which stored scalars are behind edges: each is counted once, wherever it is used.

A layer that is called twice, a weight that multiplies several rows of units and a kernel at several
positions use the same scalars again, and so do tied weights that are sliced or transposed. What
identifies a scalar is its address: views of a parameter keep it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from netsculpt.core.slices import slices
from netsculpt.tracing.addresses import NOWHERE, Stored, may_repeat
from netsculpt.tracing.engine.edges import Columns, Edges, Ints, Part, Scalars

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Numbering", "covering", "numberings", "of_columns", "of_taps", "sizes_once"]


def of_columns(
    value: Stored, taken: Columns, start: int, layer_of: Ints, groups: int, *, stored: bool
) -> Scalars:
    """Scalars of a weight [out, in / groups, …] whose columns take units of some layers."""
    layer = np.full(value.shape[1] * groups, -1)
    layer[taken.column[::-1]] = layer_of[::-1]  # of several copies the first
    return Scalars(value, layer, groups, stored, taken, start)


def of_taps(
    value: Stored,
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
    return [_fresh(x, memory) for x, memory in zip(every, _memories(every), strict=True)]


def _fresh(scalars: Scalars, memory: _Memory | None) -> dict[int, int]:
    if not scalars.stored:
        return {}
    if memory is None:
        return scalars.sizes()
    before = memory.n_by_layer()
    for address, layer in scalars.addresses():
        place = memory.places(address)
        new = (memory.first_layer[place] < 0) & (place < memory.size)
        memory.first_layer[place[new][::-1]] = layer[new][::-1]
    return {index: n - before.get(index, 0) for index, n in memory.n_by_layer().items()
            if n > before.get(index, 0)}  # fmt: skip


@dataclass(eq=False)
class _Memory:
    """The memory that several weights are views or copies of."""

    begins: NDArray[np.int64]  # addresses of its parts, ascending
    stops: NDArray[np.int64]  # index of the first place after each part
    unit: int  # bytes
    first_layer: NDArray[np.int32]  # of each place: the layer that feeds its scalar first; −1: none

    @classmethod
    def of(cls, tensors: Sequence[Tensor]) -> _Memory:
        storages = {x.untyped_storage().data_ptr(): x.untyped_storage().nbytes() for x in tensors}
        unit = min(x.element_size() for x in tensors)
        begins = sorted(storages)
        stops = np.cumsum([storages[x] // unit for x in begins])
        return cls(np.array(begins), stops, unit, np.full(stops[-1] + 1, -1, np.int32))

    @property
    def size(self) -> int:
        """Number of places; the one after them is that of entries that are not stored."""
        return int(self.stops[-1])

    def places(self, address: NDArray[np.int64]) -> NDArray[np.int64]:
        """Index of the place of each address."""
        part = (
            np.searchsorted(self.begins, address, side="right") - 1 if self.begins.size > 1 else 0
        )
        first = np.concatenate([[0], self.stops[:-1]])
        place: NDArray[np.int64] = (address - self.begins[part]) // self.unit + first[part]
        place[address == NOWHERE] = self.size
        return place

    def n_by_layer(self) -> dict[int, int]:
        """Number of scalars that each layer is the first to feed."""
        counts: Counter[int] = Counter()
        for part in slices(self.first_layer.size):  # bincount takes them as int64
            chunk = np.bincount(self.first_layer[part] + 1)[1:]
            counts.update({index: int(n) for index, n in enumerate(chunk) if n})
        return dict(counts)


def _memories(every: Sequence[Scalars]) -> list[_Memory | None]:
    """The memory of each weight; None if no other weight is in it and each entry has its own."""
    storage = [[x.untyped_storage().data_ptr() for x in scalars.memory] for scalars in every]
    number = {x: len(every) + n for n, x in enumerate(dict.fromkeys(chain.from_iterable(storage)))}
    one = np.repeat(np.arange(len(every)), [len(x) for x in storage])
    two = np.array([number[x] for each in storage for x in each], np.int64)
    size = len(every) + len(number)
    _, label = connected_components(coo_array((np.ones(one.size), (one, two)), (size, size)))
    together: dict[int, list[int]] = {}
    for index, group in enumerate(label[: len(every)].tolist()):
        together.setdefault(group, []).append(index)
    memories: list[_Memory | None] = [None] * len(every)
    for weights in together.values():
        if len(weights) > 1 or may_repeat(every[weights[0]].value):
            memory = _Memory.of([x for index in weights for x in every[index].memory])
            for index in weights:
                memories[index] = memory
    return memories


Numbering = Callable[[Part], NDArray[np.int32]]  # of some edges: the number of their scalars


def numberings(edges: Sequence[Edges]) -> list[Numbering] | None:
    """How the scalars behind edges are numbered, −1: none; None if no two edges share any."""
    every = [x.scalars for x in edges if x.scalars is not None]
    memories = _memories(every)
    if all(x.stored and not x.repeats for x in every) and not any(memories):
        return None
    memory = dict(zip(map(id, every), memories, strict=True))
    numbers: list[Numbering] = [_unnumbered] * len(edges)
    shared: dict[int, tuple[_Memory, list[int]]] = {}
    n_numbers = 0
    for index, each in enumerate(edges):
        scalars = each.scalars
        if scalars is None or not scalars.stored:
            continue
        if scalars.counted is not None:
            before = np.cumsum(scalars.counted, dtype=np.int32) + np.int32(n_numbers - 1)
            numbers[index] = partial(_known, np.where(scalars.counted, before, np.int32(-1)))
            n_numbers += int(np.count_nonzero(scalars.counted))
        elif not scalars.repeats and memory[id(scalars)] is None:
            numbers[index] = partial(_consecutive, n_numbers)
            n_numbers += each.entries.n_edges
        else:
            own = memory[id(scalars)] or _Memory.of(scalars.memory)
            shared.setdefault(id(own), (own, []))[1].append(index)
    for own, together in shared.values():
        used = np.zeros(own.size + 1, dtype=bool)
        for index in together:
            for part in edges[index].entries.parts():
                used[_places(edges[index], own, part)] = True
        used[-1] = False  # of entries that are not stored
        rank = np.cumsum(used, dtype=np.int32) + np.int32(n_numbers - 1)
        rank[-1] = -1
        for index in together:
            numbers[index] = partial(_ranked, rank, edges[index], own)
        n_numbers += int(np.count_nonzero(used))
    return numbers


def _unnumbered(part: Part) -> NDArray[np.int32]:
    return np.full(part.source.size, -1, np.int32)


def _known(numbers: NDArray[np.int32], part: Part) -> NDArray[np.int32]:
    return numbers[part.place]


def _consecutive(first: int, part: Part) -> NDArray[np.int32]:
    place = part.place
    every = np.arange(place.start, place.stop) if isinstance(place, slice) else place
    return (every + first).astype(np.int32)


def _ranked(
    rank: NDArray[np.int32], edges: Edges, memory: _Memory, part: Part
) -> NDArray[np.int32]:
    numbers: NDArray[np.int32] = rank[_places(edges, memory, part)]
    return numbers


def _places(edges: Edges, memory: _Memory, part: Part) -> NDArray[np.int64]:
    assert edges.scalars is not None
    return memory.places(edges.scalars.behind(part))
