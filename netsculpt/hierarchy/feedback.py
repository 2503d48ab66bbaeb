"""The least feedback: which edges to take out so that the others form no circle."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.hierarchy.levels import strong_components

__all__ = ["MOST_EXACT", "feedback"]

MOST_EXACT: Final = 14  # modules of one circle up to which the smallest set is found for certain


def feedback(edges: csr_array) -> NDArray[np.bool_]:
    r"""Find a set of edges of least total weight without which a directed graph has no circle.

    Each strongly connected part is put in an order; its feedback edges are those that lead back.
    Parts of up to 14 nodes are solved exactly: the cheapest order of a set S ends in the node v
    that minimises :math:`c(S \setminus v) + \sum_{u \in S \setminus v} w_{vu}`, a sum over subsets.
    Larger parts start from an order in which nodes follow each other by out- minus in-weight, sinks
    last and sources first, every node is moved to its best place until no move helps, and
    edges that close no circle after all are put back: the set is then small, but may not be the
    smallest.

    Parameters
    ----------
    edges
        Weights ≥ 0 of the edges [M, M], row = source, no diagonal. Stored zeros are edges.

    Returns
    -------
    NDArray
        Whether each stored edge, in the order of ``edges.data``, is feedback. Of several sets of
        equal weight, which one depends on the numbering of the nodes.

    Notes
    -----
    Time and memory O(k 2ᵏ) for a part of k ≤ 14 nodes. Beyond, memory O(k²), and time O(k³) for the
    first order and for putting edges back, O(k²) for each sweep of moves. Exact: M. Held, R. M.
    Karp, A dynamic programming approach to sequencing problems, 1962, doi:10.1137/0110015, with
    this cost. First order: P. Eades, X. Lin, W. F. Smyth, A fast and effective heuristic for the
    feedback arc set problem, 1993, doi:10.1016/0020-0190(93)90079-O, with weights.

    Examples
    --------
    >>> ring = csr_array(np.array([[0.0, 3, 0], [0, 0, 2], [1, 0, 0]]))
    >>> feedback(ring).tolist()
    [False, False, True]
    """
    ends = edges.tocoo()
    is_back = np.zeros(edges.nnz, dtype=bool)
    n_parts, part = strong_components(edges)
    weights = np.asarray(edges.data, dtype=np.float64)
    tie = 1e-12 * max(weights.max(initial=0.0), np.finfo(np.float64).tiny)  # an edge of weight 0
    for nodes in np.split(
        np.argsort(part, kind="stable"), np.cumsum(np.bincount(part, minlength=n_parts))[:-1]
    ):
        if nodes.size < 2:
            continue
        place = np.full(edges.shape[0], -1)
        place[nodes] = np.arange(nodes.size)
        inside = (place[ends.row] >= 0) & (place[ends.col] >= 0)
        local = np.zeros((nodes.size, nodes.size))
        local[place[ends.row[inside]], place[ends.col[inside]]] = weights[inside] + tie
        order = _exact_order(local) if nodes.size <= MOST_EXACT else _good_order(local)
        rank = np.empty(nodes.size, dtype=np.intp)
        rank[order] = np.arange(nodes.size)
        back = (local > 0) & (rank[:, None] > rank)
        if nodes.size > MOST_EXACT:
            _restore(local, back)
        is_back[inside] = back[place[ends.row[inside]], place[ends.col[inside]]]
    return is_back


def _exact_order(weights: NDArray[np.float64]) -> NDArray[np.intp]:
    """Order of the nodes with the least weight of edges that lead back."""
    n = len(weights)
    subsets = np.arange(1 << n)
    back = np.zeros((n, 1 << n))  # weight from each node into each subset
    for node in range(n):
        half = 1 << node
        back[:, half : 2 * half] = back[:, :half] + weights[:, node, None]
    size = np.bitwise_count(subsets)
    cost = np.full(1 << n, np.inf)
    cost[0] = 0.0
    last = np.zeros(1 << n, dtype=np.intp)
    for count in range(1, n + 1):
        chosen = subsets[size == count]
        for node in range(n):
            sets = chosen[chosen >> node & 1 == 1]
            rest = sets ^ (1 << node)
            ending_here = cost[rest] + back[node, rest]
            better = ending_here < cost[sets]
            cost[sets[better]] = ending_here[better]
            last[sets[better]] = node
    order, subset = [], (1 << n) - 1
    while subset:
        order.append(last[subset])
        subset ^= 1 << int(last[subset])
    return np.array(order[::-1], dtype=np.intp)


def _good_order(weights: NDArray[np.float64]) -> NDArray[np.intp]:
    """A greedy order of the nodes, improved by moving one node at a time until no move helps."""
    order = _greedy_order(weights)
    gain = 1.0
    while gain > 1e-12 * weights.sum():
        gain = 0.0
        for node in range(len(weights)):
            others = order[order != node]
            # Change of the weight of feedback if the node moves from the front to each place.
            forward, backward = weights[node, others], weights[others, node]
            change = np.concatenate([[0.0], np.cumsum(forward - backward)])
            here, best = int(np.flatnonzero(order == node)[0]), int(change.argmin())
            if change[best] < change[here]:
                gain += change[here] - change[best]
                order = np.insert(others, best, node)
    return order


def _restore(weights: NDArray[np.float64], back: NDArray[np.bool_]) -> None:
    """Put back the heaviest edges that close no circle after all, so that none is left to spare.

    O(k³): an edge put back changes only rows that did not reach its target, each at most k times.
    """
    reaches = (weights > 0) & ~back | np.eye(len(weights), dtype=bool)
    for node in range(len(weights)):
        reaches[reaches[:, node]] |= reaches[node]
    source, target = np.nonzero(back)
    for edge in np.argsort(-weights[source, target], kind="stable"):
        start, end = source[edge], target[edge]
        if not reaches[end, start]:
            back[start, end] = False
            reaches[reaches[:, start] & ~reaches[:, end]] |= reaches[end]


def _greedy_order(weights: NDArray[np.float64]) -> NDArray[np.intp]:
    """Sinks last, sources first, otherwise first the node with most out- minus in-weight."""
    left = np.ones(len(weights), dtype=bool)
    first: list[int] = []
    last: list[int] = []
    while left.any():
        outward, inward = weights[:, left].sum(axis=1), weights[left].sum(axis=0)
        sinks = np.flatnonzero(left & (outward == 0))
        sources = np.flatnonzero(left & (inward == 0))
        if sinks.size:
            last.append(int(sinks[0]))
            left[sinks[0]] = False
        else:
            difference = np.where(left, outward - inward, -np.inf)
            node = int(sources[0]) if sources.size else int(difference.argmax())
            first.append(node)
            left[node] = False
    return np.array(first + last[::-1], dtype=np.intp)
