"""Rewiring of networks with so many blocks that each one's own call would cost more than its edges.

Tokens make layers small: 26 layers and 20 tokens are 500 layers in `netsculpt.nulls.by_token`, and
some 130,000 blocks.
"""

from __future__ import annotations

from dataclasses import replace
from threading import Lock
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.core.provenance import step
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.graph.graph import WIRING, NetGraph, edge_columns
from netsculpt.nulls.models._many_compiled import Blocks, rewired_blocks, rounds_of_blocks

__all__ = ["rewired_at_once"]

_prepared: WeakKeyDictionary[NetGraph, tuple[Blocks, NDArray[np.int32]]] = WeakKeyDictionary()
_preparing = Lock()  # threads that draw from one graph begin at once, and prepare it once


def rewired_at_once(graph: NetGraph, rng: RNG) -> NetGraph:
    """What `netsculpt.nulls.rewire` draws, with one stream of random numbers for all blocks."""
    seed = root_seed(rng)
    with _preparing:
        if graph not in _prepared:
            _prepared[graph] = _prepare(graph)
        blocks, rounds = _prepared[graph]
    old = graph.weights
    bits = stream(seed, "rewire").integers(1 << 64, dtype=np.uint64)
    new, taken_from = rewired_blocks(old.indptr, old.indices, blocks, rounds, bits)
    weights = csr_array((old.data[taken_from], new, old.indptr), old.shape)
    provenance = (*graph.provenance, step("rewire", seed=seed))
    return replace(graph, weights=weights, provenance=provenance, **edge_columns(graph, taken_from))


def _prepare(graph: NetGraph) -> tuple[Blocks, NDArray[np.int32]]:
    number = {layer.name: index for index, layer in enumerate(graph.layers)}
    pairs = np.array([(number[x.source], number[x.target]) for x in graph.blocks], np.int64)
    stays = np.array([x.kind == WIRING for x in graph.blocks])
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    blocks = Blocks(
        np.array([*(layer.start for layer in graph.layers), graph.n_units]),
        np.searchsorted(pairs[order, 0], np.arange(len(number) + 1)),
        pairs[order, 1],
        stays[order],
    )
    return blocks, rounds_of_blocks(graph.weights.indptr, graph.weights.indices, blocks)
