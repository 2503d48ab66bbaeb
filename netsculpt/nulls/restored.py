"""Null networks with balanced weights, given back the signs and unit scales of the network."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, hstack
from scipy.sparse.csgraph import breadth_first_order, connected_components
from scipy.sparse.linalg import lsqr

from netsculpt.core.parallel import for_threads
from netsculpt.core.provenance import step
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.graph.graph import NetGraph, balancing_groups
from netsculpt.nulls.rebalanced import rebalanced
from netsculpt.nulls.significance import Null

__all__ = ["restored"]

_EXACT = 1e-12  # tolerance of least squares


def restored(null: Null) -> Null:
    r"""Turn a null model into one for detectors that read a network's own weights.

    The weights of a network are :math:`w_{ij} = \pm r_i b_{ij} c_j` in each block, with balanced
    weights b and a factor for each source and each target (see `NetGraph.balanced`). A null network
    is drawn by `rebalanced`; its weights b′ are multiplied by the same factors, and the block's
    signs are dealt out at random. So its units are as strong as those of the network, its balanced
    form is b′, and a detector can treat both alike.

    The factors are those of the network, up to changes without meaning: a hidden unit's incoming
    weights times c and its outgoing ones divided by c; all inputs times c, or all outputs; and a
    factor that moves from the sources of a connected part of a block to its targets. Of all
    equivalent factors, those are taken whose logarithms have the least sum of squares. So scaling
    units changes no null network, nor does the gain of a layer in a chain of layers, which the
    outputs only follow. (Where a skip connection bypasses a layer, its gain changes what the
    network computes.) The null network is as strong as one of the same function, not as this one.

    Parameters
    ----------
    null
        Null model, e.g. ``netsculpt.nulls.models.rewire``.

    Returns
    -------
    Null
        Null model ``(graph, *, rng) -> NetGraph``, for a graph with its own weights.

    Notes
    -----
    Besides `rebalanced`, a spanning forest and a sparse least-squares problem of O(E) per step.

    Examples
    --------
    >>> from netsculpt.graph.synthetic import planted
    >>> from netsculpt.nulls import rewire
    >>> graph, _ = planted([8, 8, 8], 2, 0.5, 0.2, rng=0)
    >>> strong = graph.with_weights(np.where(graph.sources < 4, -5.0, 1.0))
    >>> drawn = restored(rewire)(strong, rng=0)
    >>> np.allclose(drawn.balanced.weights.data, 1), int((drawn.weights.data < 0).sum())
    (True, 11)
    """
    return partial(_draw, null)


@for_threads
def _draw(null: Null, graph: NetGraph, *, rng: RNG = None) -> NetGraph:
    seed = root_seed(rng)
    drawn = rebalanced(null)(graph, rng=stream(seed, "rebalanced"))
    weights = drawn.weights.data.copy()
    if graph.balanced.weights.data.any():
        used, factors = _log_factors(graph)
        ends = _ends(drawn)
        place = np.minimum(np.searchsorted(used, ends), used.size - 1)
        weights *= np.exp(np.where(used[place] == ends, factors[place], 0.0).sum(axis=0))
    negative = np.signbit(graph.weights.data)
    for block in graph.blocks:
        signs = negative[graph.block_edges(block.source, block.target)]
        dealt = stream(seed, "signs", block.source, block.target).permutation(signs)
        weights[drawn.block_edges(block.source, block.target)] *= np.where(dealt, -1.0, 1.0)
    return drawn.with_weights(weights).with_step(step("restored", seed=seed))


def _ends(graph: NetGraph) -> NDArray[np.int64]:
    """Number of the factor of each edge's source and target in their block [2, E]."""
    block = balancing_groups(graph) // 2
    units = np.stack([graph.sources, graph.weights.indices]).astype(np.int64)
    return np.stack([2 * block, 2 * block + 1]) * graph.n_units + units


def _log_factors(graph: NetGraph) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Numbers of the factors that live edges have, as `_ends` counts them, and their logarithms."""
    balanced = graph.balanced.weights.data
    carrying = (balanced > 0) & (balancing_groups(graph) % 2 == 0)
    used, ends = np.unique(_ends(graph)[:, carrying], return_inverse=True)
    ends = ends.reshape(2, -1)
    weights = np.abs(graph.weights.data[carrying].astype(np.float64))
    ratio = np.log(weights) - np.log(balanced[carrying])
    ties = csr_array((np.arange(ratio.size) + 1, (ends[0], ends[1])), shape=(used.size, used.size))
    part = connected_components(ties, directed=False)[1]
    factors = _solved(ties, part, ratio)
    free = _free_directions(graph, used, part)
    return used, factors - free @ lsqr(free, factors, atol=_EXACT, btol=_EXACT)[0]


def _solved(
    ties: csr_array, part: NDArray[np.int32], ratio: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Factors whose sums over the ends of each tie are `ratio`; 0 at the first of each part.

    `ties` holds 1 + the index into `ratio`. The sums agree, so those on a spanning forest suffice.
    """
    n = part.size
    first = np.unique(part, return_index=True)[1].astype(np.int64)
    tied = ties.tocoo()
    begin = np.append(tied.row, np.full(first.size, n)).astype(np.int64)
    end = np.append(tied.col, first).astype(np.int64)
    rooted = csr_array(coo_array((np.ones(begin.size), (begin, end)), shape=(n + 1, n + 1)))
    order, before = breadth_first_order(rooted, n, directed=False)
    order = order[before[order] < n][1:]
    tie = (ties[before[order], order] + ties[order, before[order]]) - 1
    factors = np.zeros(n)
    for one, other, total in zip(order, before[order], ratio[tie], strict=True):
        factors[one] = total - factors[other]
    return factors


def _free_directions(
    graph: NetGraph, used: NDArray[np.int64], part: NDArray[np.int32]
) -> csr_array:
    """Directions in which factors may change without meaning [used, directions].

    One for each connected part of a block, and one for each unit; but inputs are scaled together,
    and outputs, as one of them may be stronger than the others.
    """
    side, unit = used // graph.n_units % 2, used % graph.n_units
    every = np.arange(used.size)
    scaled_with = np.arange(graph.n_units)
    for ends in (graph.inputs, graph.outputs):
        scaled_with[ends] = ends[:1]
    reading = np.where(side, 1.0, -1.0)
    moved = coo_array((-reading, (every, part)))
    scaled = coo_array((reading, (every, scaled_with[unit])), shape=(used.size, graph.n_units))
    return csr_array(hstack([moved, scaled]))
