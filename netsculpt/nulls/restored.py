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
from netsculpt.graph.graph import WIRING, NetGraph
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
    weights times c and its outgoing ones divided by c, and a factor that moves from the sources of
    a connected part of a block to its targets. Of all equivalent factors, those are taken whose
    logarithms have the least sum of squares. So scaling the units of the network changes
    nothing, and the null network is as strong as a network of the same function, not as this one.

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
    (True, 17)
    """
    return partial(_draw, null)


@for_threads
def _draw(null: Null, graph: NetGraph, *, rng: RNG = None) -> NetGraph:
    seed = root_seed(rng)
    drawn = rebalanced(null)(graph, rng=stream(seed, "rebalanced"))
    weights = drawn.weights.data.astype(np.float64)
    sources, targets = drawn.sources, drawn.weights.indices
    negative = np.signbit(graph.weights.data)
    factors = np.exp(_log_factors(graph))
    for index, block in enumerate(graph.blocks):
        if block.kind == WIRING:
            continue
        edges = drawn.block_edges(block.source, block.target)
        weights[edges] *= factors[index, 0, sources[edges]] * factors[index, 1, targets[edges]]
        signs = negative[graph.block_edges(block.source, block.target)]
        dealt = stream(seed, "signs", block.source, block.target).permutation(signs)
        weights[edges] *= np.where(dealt, -1.0, 1.0)
    return drawn.with_weights(weights).with_step(step("restored", seed=seed))


def _log_factors(graph: NetGraph) -> NDArray[np.float64]:
    """Log of each unit's factor in each block, as source and as target [blocks, 2, U]; else 0."""
    shape = len(graph.blocks), 2, graph.n_units
    balanced = graph.balanced.weights.data
    block_of = np.empty(graph.n_edges, dtype=np.intp)
    for index, block in enumerate(graph.blocks):
        block_of[graph.block_edges(block.source, block.target)] = index
    edges = np.flatnonzero((balanced > 0) & (graph.weights.data != 0))
    block, source, target = block_of[edges], graph.sources[edges], graph.weights.indices[edges]
    ends = np.ravel_multi_index(  # number of each end among all factors [2, edges]
        (np.tile(block, (2, 1)), [[0], [1]] * np.ones_like(block), np.stack([source, target])),
        shape,
    )
    used, ends = np.unique(ends, return_inverse=True)
    ends = ends.reshape(2, -1)
    ratio = np.log(np.abs(graph.weights.data[edges].astype(np.float64)) / balanced[edges])
    ties = csr_array((np.arange(1, edges.size + 1), (ends[0], ends[1])), shape=(used.size,) * 2)
    part = connected_components(ties, directed=False)[1]
    found = _solved(ties, part, ratio)
    free = _meaningless(graph, used, part, shape)
    if free.shape[1]:
        found -= free @ lsqr(free, found, atol=_EXACT, btol=_EXACT)[0]
    factors = np.zeros(shape)
    factors.reshape(-1)[used] = found
    return factors


def _solved(
    ties: csr_array, part: NDArray[np.int32], ratio: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Factors whose sums over the ends of each tie are `ratio`; 0 at the first of each part.

    `ties` holds 1 + the index into `ratio`. The sums agree, so those on a spanning forest suffice.
    """
    n = part.size
    first = np.unique(part, return_index=True)[1]
    roots = coo_array((np.ones(first.size), (np.full(first.size, n), first)), shape=(n + 1, n + 1))
    rooted = csr_array(roots + coo_array((ties.data, ties.nonzero()), shape=(n + 1, n + 1)))
    order, before = breadth_first_order(rooted, n, directed=False)
    found = np.zeros(n + 1)
    order = order[before[order] != n][1:]
    parents = before[order]
    tie = np.asarray(ties[parents, order] + ties[order, parents]).ravel() - 1
    for unit, parent, wanted in zip(order, parents, ratio[tie], strict=True):
        found[unit] = wanted - found[parent]
    return found[:n]


def _meaningless(
    graph: NetGraph, used: NDArray[np.intp], part: NDArray[np.int32], shape: tuple[int, int, int]
) -> csr_array:
    """Directions in which factors change without meaning [used, directions]."""
    _, side, unit = np.unravel_index(used, shape)
    moved = coo_array((np.where(side, -1.0, 1.0), (np.arange(used.size), part)))
    fixed = np.isin(unit, np.concatenate([graph.inputs, graph.outputs]))
    hidden = np.flatnonzero(~fixed)
    scaled = coo_array(
        (np.where(side[hidden], 1.0, -1.0), (hidden, unit[hidden])),
        shape=(used.size, graph.n_units),
    )
    return csr_array(hstack([moved, scaled]))
