"""Curveball trades in compiled code. Imported only for large graphs."""

from __future__ import annotations

from typing import Any

import numpy as np

from netsculpt.core.compiled import compiled, inlined, next_bits

__all__ = ["trade"]

_LOW = np.uint64(0xFFFFFFFF)


@compiled
def trade(indptr: Any, columns: Any, n_columns: int, n_rounds: int, seed: Any) -> None:
    """Let all non-empty rows of a CSR pattern trade in random pairs, in place, for some rounds.

    The columns of a row end in any order.
    """
    state = np.full(1, seed, np.uint64)
    held = np.zeros(n_columns, np.uint8)
    sizes = np.diff(indptr)
    order = np.flatnonzero(sizes)
    if order.size == 0:
        return
    pool = np.empty(2 * sizes.max(), columns.dtype)
    for _ in range(n_rounds):
        _shuffle_front(order, order.size, state)
        for index in range(0, order.size - 1, 2):  # an odd last row does not trade
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
    _shuffle_front(pool[:n_pooled], n_few, state)
    few[few.size - n_few :] = pool[:n_few]
    many[many.size - (n_pooled - n_few) :] = pool[n_few:n_pooled]


@inlined
def _shuffle_front(values: Any, n: int, state: Any) -> None:
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
