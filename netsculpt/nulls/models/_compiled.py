"""Curveball trades in compiled code."""

from __future__ import annotations

from typing import Any

import numpy as np

from netsculpt.core.compiled import compiled, inlined, next_bits, put

__all__ = ["least_rounds", "rounds_until_mixed", "shuffle_front", "trade"]

_LOW = np.uint64(0xFFFFFFFF)
_LEAST_ROUNDS = 8
_TURNOVERS = 3.0  # of the slowest row, twice: e⁻⁶ of it is left
_MOST_ROUNDS = 4096
_WATCHED = 2000  # edges in all chains: standard error of an overlap at most .011
_MOST_CHAINS = 64


@compiled
def trade(indptr: Any, columns: Any, n_columns: int, n_rounds: int, seed: Any) -> None:
    """Let all non-empty rows of a CSR pattern trade in random pairs, in place, for some rounds.

    The columns of a row end in any order.
    """
    state, held = np.empty(1, np.uint64), np.zeros(n_columns, np.uint8)
    state[0] = seed
    order, pool = _order_and_pool(indptr, columns)
    for _ in range(n_rounds):
        _trade_once(indptr, columns, order, pool, held, state)


@compiled
def rounds_until_mixed(indptr: Any, columns: Any, n_columns: int) -> int:
    """Rounds of trades after which the share of original edges no longer falls.

    Chains with a seed of their own are watched: the mean share in rounds R + 1 … 2R against that in
    R/2 + 1 … R; R is doubled as long as the share falls by more than two standard errors. R starts
    beyond the rounds in which the slowest row turns over, so that slow is not taken for mixed.
    """
    order, pool = _order_and_pool(indptr, columns)
    held = np.zeros(n_columns, np.uint8)
    share = turnover(indptr, columns, n_columns)
    if share == 0.0:
        return 0
    half = int(np.ceil(max(_LEAST_ROUNDS + 1.0 / share, _TURNOVERS / share)))
    half = min(half, _MOST_ROUNDS // 2)
    n_chains = min(max(_WATCHED // columns.size, 1), _MOST_CHAINS)
    chains = np.empty((n_chains, columns.size), columns.dtype)
    for chain in range(n_chains):
        put(columns, chains[chain])
    state = np.zeros(1, np.uint64)
    last = 1.0
    for first, until in ((0, half // 2), (half // 2, half)):
        last = _share_kept(indptr, columns, chains, until - first, order, pool, held, state)
    while True:
        now = _share_kept(indptr, columns, chains, half, order, pool, held, state)
        error = np.sqrt(2.0 * now * (1.0 - now) / chains.size)
        if last - now <= 2.0 * error or 4 * half > _MOST_ROUNDS:
            return 2 * half
        last, half = now, 2 * half


@compiled
def turnover(indptr: Any, columns: Any, n_columns: int) -> float:
    """Share of a row that a trade replaces, on average over partners, in the slowest row.

    0 if no two rows have edges. Of rows with d and d' columns the first replaces about d' / (d +
    d'). In a row with most of the n columns that have edges it is the gaps that have to move: only
    columns that are gaps of one row and not of the other do, some d (1 − d' / n) and d' (1 − d / n)
    of them.
    """
    counts = np.zeros(n_columns + 1, np.int64)  # rows with so many edges
    n_rows = n_held = 0
    for row in range(indptr.size - 1):
        counts[indptr[row + 1] - indptr[row]] += 1
        n_rows += indptr[row + 1] > indptr[row]
    if n_rows < 2:
        return 0.0
    held = np.zeros(n_columns, np.uint8)
    for column in columns:
        n_held += 1 - held[column]
        held[column] = 1
    least = 1.0
    for own in range(1, n_columns + 1):
        if counts[own] == 0:
            continue
        by_columns = by_gaps = 0.0
        for other in range(1, n_columns + 1):
            if counts[other] == 0:
                continue
            by_columns += counts[other] * other / (own + other)
            if own < n_held:
                mine = own * (1.0 - other / n_held)
                theirs = other * (1.0 - own / n_held)
                by_gaps += counts[other] * mine * theirs / (mine + theirs) / (n_held - own)
        if own < n_held:  # a full row has nothing to trade
            least = min(least, max(by_columns, by_gaps) / n_rows)
    return least


@compiled
def least_rounds(indptr: Any, columns: Any, n_columns: int) -> int:
    """Rounds of trades that leave e⁻⁶ of the slowest row; 0 if no two rows have edges."""
    share = turnover(indptr, columns, n_columns)
    if share == 0.0:
        return 0
    return 2 * min(int(np.ceil(_TURNOVERS / share)), _MOST_ROUNDS // 2)


@compiled
def _share_kept(
    indptr: Any,
    start: Any,
    chains: Any,
    n_rounds: int,
    order: Any,
    pool: Any,
    held: Any,
    state: Any,
) -> float:
    """Mean share of the starting edges in all chains over some further rounds."""
    n_kept = 0
    for chain in range(chains.shape[0]):
        columns = chains[chain]
        for _ in range(n_rounds):
            _trade_once(indptr, columns, order, pool, held, state)
            for row in order:
                for index in range(indptr[row], indptr[row + 1]):
                    held[start[index]] = 1
                for index in range(indptr[row], indptr[row + 1]):
                    n_kept += held[columns[index]]
                for index in range(indptr[row], indptr[row + 1]):
                    held[start[index]] = 0
    return float(n_kept / max(chains.size * n_rounds, 1))


@compiled
def _order_and_pool(indptr: Any, columns: Any) -> tuple[Any, Any]:
    """Rows that have edges, and space for the columns of two of them."""
    order, n, most = np.empty(indptr.size - 1, np.int64), 0, 0
    for row in range(order.size):
        size = indptr[row + 1] - indptr[row]
        order[n] = row
        n += size > 0
        most = max(most, size)
    return order[:n], np.empty(2 * most, columns.dtype)


@compiled
def _trade_once(indptr: Any, columns: Any, order: Any, pool: Any, held: Any, state: Any) -> None:
    """One round: all rows of `order` trade in random pairs; an odd last one does not."""
    shuffle_front(order, order.size, state)
    for index in range(0, order.size - 1, 2):
        one, other = order[index], order[index + 1]
        _trade_two(
            columns[indptr[one] : indptr[one + 1]],
            columns[indptr[other] : indptr[other + 1]],
            held,
            pool,
            state,
        )


@inlined
def _trade_two(one: Any, other: Any, held: Any, pool: Any, state: Any) -> None:
    """Redistribute the columns that only one of two rows has. `held` is 0 before and after."""
    # No branch depends on a column: mispredictions would cost more than all the rest.
    for column in one:
        held[column] = 1
    n_pooled = n_shared = 0
    for index in range(other.size):
        column = other[index]
        shared = held[column]
        held[column] = 0
        pool[n_pooled] = column
        other[n_shared] = column
        n_pooled += 1 - shared
        n_shared += shared
    n_others = n_pooled
    n_shared = 0
    for index in range(one.size):
        column = one[index]
        own = held[column]
        held[column] = 0
        pool[n_pooled] = column
        one[n_shared] = column
        n_pooled += own
        n_shared += 1 - own
    n_ones = n_pooled - n_others
    few, many = (one, other) if n_ones <= n_others else (other, one)
    n_few = min(n_ones, n_others)
    shuffle_front(pool[:n_pooled], n_few, state)
    put(pool[:n_few], few[few.size - n_few :])
    put(pool[n_few:n_pooled], many[many.size - (n_pooled - n_few) :])


@inlined
def shuffle_front(values: Any, n: int, state: Any) -> None:
    """Move a random sample of all values, in random order, to the first n places."""
    for index in range(n):
        drawn = index + _below(values.size - index, state)
        values[index], values[drawn] = values[drawn], values[index]


@inlined
def _below(n: int, state: Any) -> Any:
    """Draw uniformly from 0 … n − 1, n < 2³²: Lemire's method, without bias."""
    bound = np.uint64(n)
    product = (next_bits(state) >> np.uint64(32)) * bound
    if product & _LOW < bound:
        least = (_LOW + np.uint64(1)) % bound
        while product & _LOW < least:
            product = (next_bits(state) >> np.uint64(32)) * bound
    return np.int64(product >> np.uint64(32))
