"""Random walks along strong weights: what they pass through."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import GraphError
from netsculpt.core.parallel import in_threads
from netsculpt.core.random import RNG
from netsculpt.training.pruning.walks.graph import Visited, WalkGraph

if TYPE_CHECKING:
    from netsculpt.training.pruning.walks.tables import Tables

__all__ = ["walk"]

_MOST_LOST = 10_000  # walks in a row that keep nothing new
_PAIRS, _FEWEST = 512, 16  # in a block, at most and at least
_SEVERAL = 2048  # pairs, above which threads pay off


def walk(
    graph: WalkGraph,
    n_kept: int,
    *,
    rng: RNG = None,
    start: NDArray[np.bool_] | None = None,
    whole_kernels: bool = False,
    tables: Tables | None = None,
    jobs: int = 1,
) -> Visited:
    r"""Walk until at least `n_kept` scalars have been passed through.

    From a unit a forward walk chooses one of the layers that the unit feeds, with equal
    probability; then one of the unit's columns (after a flatten there is one per position), with
    equal probability; then a scalar of that column with probability

    .. math:: P(j \to i) = s_{ij} / \sum_{i'} s_{i'j},

    that is, a kernel by its sum and a tap by its own strength. A backward walk chooses one of the
    weights that feed the unit, or of the layers wired to it, then a scalar of its row by
    :math:`s_{ij} / \sum_{j'} s_{ij'}`. Where all are 0, each is equally likely. Even walks go
    forward and odd ones backward; they start at one input or output after the other.

    Patil and Dovrolis, "PHEW: Constructing sparse networks that learn fast and generalize well
    without training data", arXiv:2010.11354, section 5.

    Parameters
    ----------
    graph
        The net. Strengths are \|w\| in the paper; w², 1/\|w\| and 1 are its variants.
    n_kept
        Scalars to pass through, counted after each whole walk: the overshoot is less than one path.
    rng
        Seed or generator. Same seed, same bytes.
    start
        Scalars that are kept already [n_scalars], for example by walks to a lower density.
    whole_kernels
        Whether passing through a tap keeps its kernel.
    tables
        The result of `walk_tables(graph)`, to draw several masks from one net.
    jobs
        Threads that walk and make tables (−1: one per core). The result does not depend on it.

    Returns
    -------
    Visited
        Every walk that counts is an input→output path.

    Raises
    ------
    GraphError
        If 10,000 walks in a row keep nothing new, because fewer than `n_kept` scalars lie on paths
        or walks reach no end.

    Notes
    -----
    On one core about 30 ns per step if `graph` fits into the cache, otherwise 60 ns; making the
    tables takes about 4 ns per kernel. Memory: 4 or 8 bytes per kernel and 1 byte per scalar. Where
    few strengths of a row outweigh all others, as with power −1, steps cost O(row). Kernels are
    drawn by their sums in the precision of `strength`. Threads are used from thousands of walks on.

    Examples
    --------
    >>> from netsculpt.training.pruning.walks.graph import Connection
    >>> both = Connection(0, (1, 2, 1), np.array([2]), np.arange(2), np.arange(2))
    >>> graph = WalkGraph(np.array([3.0, 1.0]), 2, np.zeros(0, int), [both],
    ...                   np.zeros((0, 2), int), np.array([0, 0, 1]), np.arange(2), np.array([2]))
    >>> walk(graph, 1, rng=0).kept  # the first walk is forward, from the first input
    array([ True, False])
    """
    from netsculpt.training.pruning.walks._compiled import mark, walk_pairs
    from netsculpt.training.pruning.walks.tables import walk_tables

    kept = np.zeros(graph.n_scalars, bool) if start is None else np.array(start, bool)
    if kept.shape != (graph.n_scalars,) or not 0 <= n_kept <= graph.n_scalars:
        raise GraphError(
            f"{n_kept} of {graph.n_scalars} weights are to be kept, starting from a mask of "
            f"{list(kept.shape)}: a number in 0 … {graph.n_scalars} and a mask of all are needed"
        )
    seed = np.random.default_rng(rng).integers(1 << 63, dtype=np.uint64)
    tables = walk_tables(graph, jobs) if tables is None else tables
    longest = int(graph.layer_of.max(initial=0)) + 1
    if whole_kernels:
        longest *= max((x.shape[2] for x in graph.connections), default=1)
    last = np.empty(longest, np.int64)
    state = np.array([np.count_nonzero(kept), 0, 0, 0, 0])

    def walk_block(block: tuple[int, int]) -> Any:
        return walk_pairs(seed, tables, *block, whole_kernels, longest)

    begun, gain = 0, float(longest)
    count, n_last, n_walks, n_lost, idle = state.tolist()
    while count < n_kept:
        n_pairs = max(math.ceil((n_kept - count) / (2 * gain)), _FEWEST)
        end = begun + n_pairs
        blocks = ((first, min(_PAIRS, end - first)) for first in range(begun, end, _PAIRS))
        before = count, n_walks
        for path, length in in_threads(walk_block, blocks, jobs if n_pairs >= _SEVERAL else 1):
            mark(path, length, kept, n_kept, _MOST_LOST, last, state)
            count, n_last, n_walks, n_lost, idle = state.tolist()
            if count >= n_kept:
                break
            if idle == _MOST_LOST:
                raise GraphError(
                    f"{idle} walks in a row kept nothing new, with {count} of {n_kept} weights "
                    "kept: the others lie on no path, or are next to 0; choose a lower density"
                )
        begun = end
        gain = max(count - before[0], 1) / (n_walks - before[1])
    return Visited(kept, last[:n_last].copy(), n_walks, n_lost)
