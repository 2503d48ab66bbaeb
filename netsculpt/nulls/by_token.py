"""Null models of attribution graphs that keep which token leads to which."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise
from threading import Lock
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.core.parallel import for_threads
from netsculpt.core.random import RNG
from netsculpt.graph.attribution import TOKEN_POSITION
from netsculpt.graph.graph import Block, Layer, NetGraph
from netsculpt.nulls.significance import Null

__all__ = ["by_token"]

_splits: WeakKeyDictionary[NetGraph, tuple[NetGraph, NDArray[np.intp] | None]] = WeakKeyDictionary()
_splitting = Lock()  # threads that draw from one graph begin at once, and split it once


def by_token(null: Null) -> Null:
    """The null model in which the units of a layer at each token are a layer of their own.

    In a causal model links lead to the same or later tokens. A null model that draws targets from
    a whole layer breaks this order, and calls graphs significant that have nothing but the order.
    With `netsculpt.nulls.rewire` a unit keeps its number of links to each layer at each token.
    Graphs without the column "token_position" get `null` itself. Cost: that of `null`. A graph is
    split once for all its draws; if its units are in the order of tokens, as in graphs that were
    loaded, the split shares its edges.

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


@for_threads
def _drawn(null: Null, graph: NetGraph, *, rng: RNG = None) -> NetGraph:
    if TOKEN_POSITION not in graph.attributes:
        return null(graph, rng=rng)
    with _splitting:
        if graph not in _splits:
            _splits[graph] = _split(graph)
        split, order = _splits[graph]
    random = null(split, rng=rng)
    weights = random.weights
    if order is not None:
        place = np.argsort(order)
        weights = weights[place][:, place]
        weights.sort_indices()
    return replace(graph, weights=weights, provenance=(*graph.provenance, *random.provenance))


def _split(graph: NetGraph) -> tuple[NetGraph, NDArray[np.intp] | None]:
    """The graph in layers by layer and token, and which of its units each of theirs is [U].

    None if they are in that order already, as in graphs that were loaded: no edge is copied then.
    """
    layer, token = graph.layer_of, graph.attributes[TOKEN_POSITION]
    order = np.lexsort((token, layer))
    starts = np.flatnonzero(np.diff(layer[order], prepend=-1) | np.diff(token[order], prepend=-1))
    bounds = pairwise([*starts.tolist(), graph.n_units])
    layers = tuple(
        Layer(str(index), graph.layers[layer[order[start]]].role, (stop - start,), start, stop)
        for index, (start, stop) in enumerate(bounds)
    )
    weights, in_order = graph.weights, bool((np.diff(order) == 1).all())
    if not in_order:
        weights = weights[order][:, order]
        weights.sort_indices()
    return NetGraph(weights, None, layers, _blocks(weights, layers)), None if in_order else order


def _blocks(weights: csr_array, layers: tuple[Layer, ...]) -> tuple[Block, ...]:
    """The pairs of layers that edges lead from and to."""
    number = np.repeat(np.arange(len(layers)), [x.n_units for x in layers])
    blocks = []
    for layer in layers:
        ends = weights.indices[weights.indptr[layer.start] : weights.indptr[layer.stop]]
        reached = np.zeros(len(layers), np.bool_)
        reached[number[ends]] = True
        names = map(str, np.flatnonzero(reached).tolist())
        blocks += [Block(layer.name, name, None, "linear", 0) for name in names]
    return tuple(blocks)
