"""Which stored scalars are behind edges: each is counted once, wherever it is used.

A layer that is called twice, a weight that multiplies several rows of units and a kernel at several
positions use the same scalars again, and so do tied weights that are sliced or transposed. What
identifies a scalar is its address: views of a parameter keep it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from netsculpt.tracing.engine.edges import Columns, Edges, Ints, Scalars

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["covering", "numbered", "of_columns", "of_taps", "sizes_once"]


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
        found = [edges[i].scalars.behind(edges[i].source, edges[i].target) for i in together]  # type: ignore[union-attr]
        values, number = np.unique(np.concatenate(found), return_inverse=True)
        parts = np.split(number, np.cumsum([x.size for x in found])[:-1])
        for index, part in zip(together, parts, strict=True):
            numbers[begin[index] : begin[index + 1]] = part + n_numbers
        n_numbers += values.size
    return numbers
