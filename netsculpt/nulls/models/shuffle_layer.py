"""Null model: the same number of edges in each block, anywhere."""

from __future__ import annotations

import numpy as np

from netsculpt.core.parallel import for_threads
from netsculpt.core.random import RNG
from netsculpt.graph.graph import Block, NetGraph
from netsculpt.nulls.models._redrawn import Ends, redrawn

__all__ = ["shuffle_layer"]


@for_threads
def shuffle_layer(graph: NetGraph, *, rng: RNG = None) -> NetGraph:
    """Permute all entries of each block, edges and empty entries alike.

    The null model of the clusterability papers. It destroys degrees, and hubs alone shift Q and
    n-cut, up or down: where degrees are unequal, p is wrong. `rewire` keeps them.
    `netsculpt.nulls.models` says what stays.

    Notes
    -----
    Cost O(E log E + entries of a block). Filan et al., "Clusterability in neural networks",
    arXiv:2103.03386, section 3.

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([[[1.0, 2.0, 0.0], [3.0, 0.0, 0.0]]])
    >>> null = shuffle_layer(graph, rng=0)
    >>> null.n_edges, sorted(null.weights.data.tolist())
    (3, [1.0, 2.0, 3.0])
    """
    return redrawn(graph, "shuffle_layer", _anywhere, rng)


def _anywhere(_block: Block, ends: Ends, shape: tuple[int, int], rng: np.random.Generator) -> Ends:
    n_rows, n_columns = shape
    entries = rng.choice(n_rows * n_columns, ends[0].size, replace=False, shuffle=False)
    rows, columns = np.divmod(entries, max(n_columns, 1))
    return rows, columns
