"""Rewiring of all blocks of a network in one call of compiled code.

Layers are ranges of units, and the edges of a row are in the order of their targets: so in each row
the edges of a block are one run, and a block gets its new edges where the old ones were.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from netsculpt.core.compiled import STEP, compiled, grouped, mixed
from netsculpt.nulls.models._compiled import least_rounds, shuffle_front, trade

__all__ = ["Blocks", "rewired_blocks", "rounds_of_blocks"]


class Blocks(NamedTuple):
    """The blocks of a network, by source layer and then by target layer."""

    starts: Any  # [layers + 1] first unit of each layer
    first: Any  # [layers + 1] first block of each source layer
    targets: Any  # [blocks] target layer
    stays: Any  # [blocks] whether its edges stay, as wiring does


@compiled
def rounds_of_blocks(indptr: Any, ends: Any, blocks: Any) -> Any:
    """Rounds of trades that each block takes, without trial runs [blocks]."""
    rounds = np.zeros(blocks.targets.size, np.int32)
    rows, first, columns, places = _room(indptr, blocks.starts)
    for layer in range(blocks.first.size - 1):
        begin, n_rows = blocks.starts[layer], blocks.starts[layer + 1] - blocks.starts[layer]
        at = indptr[begin : begin + n_rows].copy()
        for block in range(blocks.first[layer], blocks.first[layer + 1]):
            low, high = _bounds(blocks, block)
            n = _gathered(indptr, ends, begin, low, high, at, rows, first, columns, places)
            if n > 0 and not blocks.stays[block]:
                rounds[block] = least_rounds(first[: n_rows + 1], columns[:n], high - low)
    return rounds


@compiled
def rewired_blocks(indptr: Any, ends: Any, blocks: Any, rounds: Any, seed: Any) -> tuple[Any, Any]:
    """New targets [E], rising in each row, and which edge each one has its weight from [E].

    Each block has random numbers of its own, from the seed and its place among the blocks.
    """
    new, taken = ends.copy(), np.arange(ends.size).astype(np.int32)
    rows, first, columns, places = _room(indptr, blocks.starts)
    deck, state = np.empty(columns.size, np.int32), np.empty(1, np.uint64)
    for layer in range(blocks.first.size - 1):
        begin, n_rows = blocks.starts[layer], blocks.starts[layer + 1] - blocks.starts[layer]
        at = indptr[begin : begin + n_rows].copy()
        for block in range(blocks.first[layer], blocks.first[layer + 1]):
            low, high = _bounds(blocks, block)
            n = _gathered(indptr, ends, begin, low, high, at, rows, first, columns, places)
            if n == 0 or blocks.stays[block]:
                continue
            state[0] = mixed(seed + STEP * np.uint64(block + 1))
            trade(first[: n_rows + 1], columns[:n], high - low, rounds[block], state[0])
            for index in range(n):
                deck[index] = places[index]
            shuffle_front(deck[:n], n, state)
            by_column = grouped(columns[:n], high - low)[1]
            for index in range(n):  # the first of each row is where the next of it goes
                edge = by_column[index]
                place = first[rows[edge]]
                first[rows[edge]] += 1
                new[places[place]] = columns[edge] + low
                taken[places[place]] = deck[place]
    return new, taken


@compiled
def _room(indptr: Any, starts: Any) -> tuple[Any, Any, Any, Any]:
    """Space for the edges of any block: rows, where each row starts, columns, places."""
    most_rows = most_edges = 0
    for layer in range(starts.size - 1):
        most_rows = max(most_rows, starts[layer + 1] - starts[layer])
        most_edges = max(most_edges, indptr[starts[layer + 1]] - indptr[starts[layer]])
    return (
        np.empty(most_edges, np.int32),
        np.empty(most_rows + 1, np.int64),
        np.empty(most_edges, np.int32),
        np.empty(most_edges, np.int32),
    )


@compiled
def _bounds(blocks: Any, block: int) -> tuple[Any, Any]:
    """First unit of the target layer of a block, and one past its last."""
    target = blocks.targets[block]
    return blocks.starts[target], blocks.starts[target + 1]


@compiled
def _gathered(
    indptr: Any,
    ends: Any,
    begin: int,
    low: int,
    high: int,
    at: Any,
    rows: Any,
    first: Any,
    columns: Any,
    places: Any,
) -> int:
    """Copy the edges of a block, rows and columns from 0; returns how many.

    `at` [rows] is the place of each row's first edge that no block before has had; it is advanced.
    """
    n = 0
    for row in range(at.size):
        first[row] = n
        edge, stop = at[row], indptr[begin + row + 1]
        while edge < stop and ends[edge] < high:
            rows[n], columns[n], places[n] = row, ends[edge] - low, edge
            n, edge = n + 1, edge + 1
        at[row] = edge
    first[at.size] = n
    return n
