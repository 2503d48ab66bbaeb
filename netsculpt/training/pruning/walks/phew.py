"""PHEW: weights that random walks along strong weights pass through."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import GraphError
from netsculpt.core.parallel import in_threads
from netsculpt.core.random import RNG
from netsculpt.training.pruning.walks.ways import Walked, Ways

if TYPE_CHECKING:
    from netsculpt.training.pruning.walks.tables import Tables

__all__ = ["phew"]

_MOST_LOST = 10_000  # walks in a row that keep nothing new
_PAIRS, _FEWEST = 512, 16  # in a block, at most and at least
_SEVERAL = 2048  # pairs, from which on threads pay


def phew(
    ways: Ways,
    n_kept: int,
    *,
    rng: RNG = None,
    start: NDArray[np.bool_] | None = None,
    whole_kernels: bool = False,
    tables: Tables | None = None,
    jobs: int = 1,
) -> Walked:
    r"""Walk until at least `n_kept` scalars have been passed through.

    From a unit a forward walk takes one of the layers that the unit feeds, each as likely; one of
    the columns that the unit stands in (after a flatten there is one for each position), each as
    likely; then a scalar of that column with probability

    .. math:: P(j \to i) = s_{ij} / \sum_{i'} s_{i'j},

    and so a kernel by its sum and a tap by its own strength. A backward walk takes one of the
    weights, or of the layers wired to it, that feed the unit, then a scalar of its row by
    :math:`s_{ij} / \sum_{j'} s_{ij'}`. Where all are 0 each is as likely. Even walks go forward
    and odd ones backward; they start at one input or output after the other.

    Patil and Dovrolis, "PHEW: Constructing sparse networks that learn fast and generalize well
    without training data", arXiv:2010.11354, section 5.

    Parameters
    ----------
    ways
        The net. Strengths are \|w\| in the paper; w², 1/\|w\| and 1 are its variants.
    n_kept
        Scalars to pass through, counted after each whole walk: the overshoot is less than one path.
    rng
        Seed or generator. Same seed, same bytes.
    start
        Scalars that are kept already [n_scalars], as by walks to a lower density.
    whole_kernels
        Whether passing through a tap keeps its kernel.
    tables
        What `tables_of(ways)` returns, where several masks are drawn from one net.
    jobs
        Threads that walk and make tables (−1: one a core). The result does not depend on it.

    Returns
    -------
    Walked
        Every walk that counts is an input→output path.

    Raises
    ------
    GraphError
        If 10,000 walks in a row keep nothing new, as where `n_kept` is more than paths pass
        through, or reach no end.

    Notes
    -----
    On one core about 30 ns a step where `ways` fits into the cache, 60 ns where it does not;
    making the tables takes about 4 ns a kernel. Memory 4 or 8 bytes a kernel and 1 byte a
    scalar. Where few strengths of a row outweigh all others, as where power is −1, steps cost
    O(row). Kernels are drawn by their sums in the precision of `strength`. Threads are used where
    there are thousands of walks to make.

    Examples
    --------
    >>> from netsculpt.training.pruning.walks.ways import Feed
    >>> feed = Feed(0, (1, 2, 1), np.array([2]), np.arange(2), np.arange(2))
    >>> ways = Ways(np.array([3.0, 1.0]), 2, np.zeros(0, int), [feed], np.zeros((0, 2), int),
    ...             np.array([0, 0, 1]), np.arange(2), np.array([2]))
    >>> phew(ways, 1, rng=0).kept  # the first walk is forward, from the first input
    array([ True, False])
    """
    from netsculpt.training.pruning.walks._compiled import mark, walks
    from netsculpt.training.pruning.walks.tables import tables_of

    kept = np.zeros(ways.n_scalars, bool) if start is None else np.array(start, bool)
    if kept.shape != (ways.n_scalars,) or not 0 <= n_kept <= ways.n_scalars:
        raise GraphError(
            f"{n_kept} of {ways.n_scalars} weights are to be kept, starting from a mask of "
            f"{list(kept.shape)}: a number in 0 … {ways.n_scalars} and a mask of all are needed"
        )
    seed = np.random.default_rng(rng).integers(1 << 63, dtype=np.uint64)
    tables = tables_of(ways, jobs) if tables is None else tables
    most = int(ways.layer_of.max(initial=0)) + 1
    if whole_kernels:
        most *= max((x.shape[2] for x in ways.feeds), default=1)
    last = np.empty(most, np.int64)
    n_before = 0 if start is None else np.count_nonzero(kept)
    state = np.array([n_before, 0, 0, 0, 0])

    def some(block: tuple[int, int]) -> Any:
        return walks(seed, tables, *block, whole_kernels, most)

    begun, gain = 0, float(most)
    count, n_last, n_walks, n_lost, idle = state.tolist()
    while count < n_kept:
        n_pairs = max(math.ceil((n_kept - count) / (2 * gain)), _FEWEST)
        blocks = _blocks(begun, n_pairs)
        before = count, n_walks
        for path, length in in_threads(some, blocks, jobs if n_pairs >= _SEVERAL else 1):
            mark(path, length, kept, n_kept, _MOST_LOST, last, state)
            count, n_last, n_walks, n_lost, idle = state.tolist()
            if count >= n_kept:
                break
            if idle == _MOST_LOST:
                raise GraphError(
                    f"{idle} walks in a row kept nothing new, with {count} of {n_kept} weights "
                    "kept: the others lie on no path, or weigh next to nothing; ask for a lower "
                    "density"
                )
        begun += n_pairs
        gain = max(count - before[0], 1) / (n_walks - before[1])
    return Walked(kept, last[:n_last].copy(), n_walks, n_lost)


def _blocks(begun: int, n_pairs: int) -> Iterator[tuple[int, int]]:
    """The first of some pairs of walks, and how many they are."""
    for first in range(begun, begun + n_pairs, _PAIRS):
        yield first, min(_PAIRS, begun + n_pairs - first)
