"""Null models of attribution graphs that keep which token leads to which."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.random import RNG
from netsculpt.graph.attribution import TOKEN_POSITION
from netsculpt.graph.graph import Block, Layer, NetGraph
from netsculpt.nulls.significance import Null

__all__ = ["by_token"]


def by_token(null: Null) -> Null:
    """The null model in which the units of a layer at each token are a layer of their own.

    In a causal model links lead to the same or later tokens. A null model that draws targets from
    a whole layer breaks this order, and calls graphs significant that have nothing but the order.
    With `netsculpt.nulls.rewire` a unit keeps its number of links to each layer at each token.
    Graphs without the column "token_position" get `null` itself. Cost: that of `null`, O(E) more.

    Examples
    --------
    >>> from netsculpt.graph.attribution import planted_supernodes
    >>> from netsculpt.nulls import rewire
    >>> graph, _ = planted_supernodes(rng=0)
    >>> for model in (rewire, by_token(rewire)):
    ...     drawn = model(graph, rng=0)
    ...     at = drawn.attributes["token_position"]
    ...     print(bool((at[drawn.sources] <= at[drawn.weights.indices]).all()))
    False
    True
    """
    return partial(_drawn, null)


def _drawn(null: Null, graph: NetGraph, *, rng: RNG = None) -> NetGraph:
    if TOKEN_POSITION not in graph.attributes:
        return null(graph, rng=rng)
    split, order = _split(graph)
    random = null(split, rng=rng)
    place = np.argsort(order)
    weights = random.weights[place][:, place]
    weights.sort_indices()
    return replace(graph, weights=weights, provenance=(*graph.provenance, *random.provenance))


def _split(graph: NetGraph) -> tuple[NetGraph, NDArray[np.intp]]:
    """The graph in layers by layer and token, and which of its units each of theirs is [U]."""
    layer, token = graph.layer_of, graph.attributes[TOKEN_POSITION]
    order = np.lexsort((token, layer))
    starts = np.flatnonzero(np.diff(layer[order], prepend=-1) | np.diff(token[order], prepend=-1))
    bounds = pairwise([*starts.tolist(), graph.n_units])
    layers = tuple(
        Layer(str(index), graph.layers[layer[order[start]]].role, (stop - start,), start, stop)
        for index, (start, stop) in enumerate(bounds)
    )
    number = np.repeat(np.arange(len(layers)), [x.n_units for x in layers])
    weights = graph.weights[order][:, order]
    weights.sort_indices()
    rows = np.repeat(number, np.diff(weights.indptr))
    pairs = np.unique(np.stack([rows, number[weights.indices]], axis=1), axis=0)
    blocks = tuple(Block(str(a), str(b), None, "linear", 0) for a, b in pairs.tolist())
    return NetGraph(weights, None, layers, blocks), order
