"""Edges of two networks whose units are matched, and which of them both have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netsculpt.compare.networks.matching import UnitMatching
from netsculpt.graph.graph import NetGraph

__all__ = ["MatchedEdges", "matched_edges"]

Ends = tuple[NDArray[np.int64], NDArray[np.int64]]  # sources [E], targets [E]


@dataclass(frozen=True, eq=False)
class MatchedEdges:
    """Edges of two networks between units with common numbers; S edges are in both."""

    n_units: int  # numbers: those of the first network's units, then more for the second's
    first: Ends  # of the first network's edges
    second: Ends  # of the second's; a unit without partner has a number of its own
    in_first: NDArray[np.intp]  # [S] edge of the first network
    in_second: NDArray[np.intp]  # [S] the same edge of the second


def matched_edges(first: NetGraph, second: NetGraph, matching: UnitMatching) -> MatchedEdges:
    """Number the units of two networks alike, and find the edges that both have.

    Notes
    -----
    Cost O(E log E). Wiring is among the edges.

    Examples
    --------
    >>> from netsculpt.compare.networks import same_units
    >>> from netsculpt.graph.matrices import from_matrices
    >>> a = from_matrices([np.array([[1.0, 1.0], [1.0, 0.0]])])
    >>> b = from_matrices([np.array([[1.0, 0.0], [1.0, 1.0]])])
    >>> edges = matched_edges(a, b, same_units(a, b))
    >>> edges.in_first.tolist(), edges.in_second.tolist()
    ([0, 1], [0, 1])
    """
    inverse = matching.inverse
    number = np.where(inverse < 0, first.n_units + np.arange(inverse.size), inverse)
    n_units = first.n_units + second.n_units
    of_first = first.sources.astype(np.int64), first.weights.indices.astype(np.int64)
    of_second = number[second.sources], number[second.weights.indices]
    keys = [sources * n_units + targets for sources, targets in (of_first, of_second)]
    _, in_first, in_second = np.intersect1d(
        keys[0], keys[1], assume_unique=True, return_indices=True
    )
    return MatchedEdges(n_units, of_first, of_second, in_first, in_second)
