"""Null model: the same edges with their weights in random order."""

from __future__ import annotations

from netsculpt.core.parallel import for_threads
from netsculpt.core.random import RNG
from netsculpt.graph.graph import NetGraph
from netsculpt.nulls.models._redrawn import redrawn

__all__ = ["shuffle_weights"]


@for_threads
def shuffle_weights(graph: NetGraph, *, rng: RNG = None) -> NetGraph:
    """Permute the weights of each block over its edges.

    Tests whether *which edge has which weight* matters, given the mask. It cannot detect modules
    that are in the mask alone; use `rewire` for those. Cost O(E log E).

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([[[1.0, 2.0], [3.0, 0.0]]])
    >>> null = shuffle_weights(graph, rng=0)
    >>> (null.weights.indices == graph.weights.indices).all(), sorted(null.weights.data.tolist())
    (np.True_, [1.0, 2.0, 3.0])
    """
    return redrawn(graph, "shuffle_weights", lambda _block, ends, _shape, _rng: ends, rng)
