"""Streams: units joined one to one by wiring (residual channels, gates), which are one thing.

A residual sum adds what a layer writes to what was there before, channel by channel: edges of
weight 1 that nothing learned string together one unit per layer. The gates of a GRU and the factors
of a GLU are joined to what they multiply in the same way. These units are one thing. Seen one by
one, they are the most coherent modules of the network, and detectors return little else.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from netsculpt.graph.graph import WIRING, NetGraph
from netsculpt.graph.partition import NO_MODULE, Partition

__all__ = ["stream_edges", "stream_labels", "without_stream_edges"]


def stream_edges(graph: NetGraph) -> NDArray[np.bool_]:
    """Whether each edge leads from a unit to the same channel of a later layer [E].

    These are the edges of wiring blocks that connect one to one: no unit has more than one edge in
    the block. Other wiring, as from an attention pattern to all channels of its head, is none.

    Notes
    -----
    Cost O(E). Weights do not matter: a channel that a norm scales stays the same channel.
    """
    chosen = np.zeros(graph.n_edges, dtype=np.bool_)
    sources, targets = graph.sources, graph.weights.indices
    for block in graph.blocks:
        if block.kind == WIRING:
            edges = graph.block_edges(block.source, block.target)
            chosen[edges] = all(
                np.unique(ends[edges]).size == ends[edges].size for ends in (sources, targets)
            )
    return chosen


def stream_labels(graph: NetGraph) -> NDArray[np.int32]:
    """The stream of each unit [U]: 0, 1, …, and −1 for units of none.

    A stream is all units that `stream_edges` connect: a residual channel in every layer where it
    is added to, and the units that are added to it; a gate and what it multiplies. A projection
    shortcut has weights, so another stream begins there. Modules are found with each stream in one
    piece by ``layered(without_stream_edges(graph), together=stream_labels(graph))``; no unit is
    removed, so the labels of the result are those of all units.

    Notes
    -----
    Cost O(E).

    Examples
    --------
    Two residual channels with one layer between the sums: a, its branch b, and their sum.

    >>> from netsculpt.graph.graph import Block, Layer
    >>> layers = tuple(
    ...     Layer(name, role, (2,), 2 * at, 2 * at + 2)
    ...     for at, (name, role) in enumerate(
    ...         [("a", "input"), ("b", "hidden"), ("sum", "junction"), ("out", "output")]
    ...     )
    ... )
    >>> matrix = np.zeros((8, 8), np.float32)
    >>> matrix[[0, 1], [2, 3]] = matrix[[4, 5], [6, 7]] = 0.5
    >>> matrix[[0, 1, 2, 3], [4, 5, 4, 5]] = 1
    >>> blocks = (
    ...     Block("a", "b", "W1", "linear", 4),
    ...     Block("a", "sum", None, "wiring", 0),
    ...     Block("b", "sum", None, "wiring", 0),
    ...     Block("sum", "out", "W2", "linear", 4),
    ... )
    >>> graph = NetGraph(csr_array(matrix), None, layers, blocks)
    >>> stream_labels(graph).tolist()
    [0, 1, 0, 1, 0, 1, -1, -1]
    >>> without_stream_edges(graph).weights.data.tolist()
    [0.5, 0.0, 0.5, 0.0, 0.0, 0.0, 0.5, 0.5]
    """
    chosen, shape = stream_edges(graph), graph.weights.shape
    ends = graph.sources[chosen], graph.weights.indices[chosen]
    links = csr_array((np.ones(ends[0].size, np.int8), ends), shape)
    stream = connected_components(links, directed=False)[1]
    alone = np.bincount(stream)[stream] == 1
    return Partition(np.where(alone, NO_MODULE, stream)).labels


def without_stream_edges(graph: NetGraph) -> NetGraph:
    """The same graph in which the edges inside streams weigh 0.

    They stay edges, so that the same units are live; but they do not count in qualities and
    strengths. With streams held together they would: each block of them is as modular as can be,
    in every network, and favours many modules of equal size. Give it the form that modules are
    sought on, as ``graph.pattern`` sets all weights to 1.

    Notes
    -----
    Cost O(E).
    """
    return graph.with_weights(np.where(stream_edges(graph), 0, graph.weights.data))
