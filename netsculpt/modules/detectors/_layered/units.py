"""The live units of a network as nodes to be grouped into modules."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.compiled import compiled
from netsculpt.graph.graph import NetGraph
from netsculpt.modules.detectors._layered.moving import Level
from netsculpt.modules.magnitudes import live_magnitudes

__all__ = ["live_level"]


def live_level(graph: NetGraph, live: NDArray[np.bool_]) -> tuple[Level, float]:
    """The live units with their neighbours, and m, the total weight of edges between them."""
    number = {layer.name: index for index, layer in enumerate(graph.layers)}
    ends = np.array(
        [(number[block.source], number[block.target]) for block in graph.blocks], dtype=np.int64
    )
    sources, targets = np.ascontiguousarray(ends.reshape(-1, 2).T)  # compiled for one layout
    # Slots 0 … P − 1 are read by the sources of each pair, P … 2P − 1 by its targets; they are
    # sorted by the layer that reads them, so that a unit's slots are contiguous.
    order = np.argsort(np.concatenate([sources, targets]), kind="stable")
    slot_of = np.argsort(order)
    partner = slot_of[(order + sources.size) % order.size] if order.size else order
    begin = np.searchsorted(np.concatenate([sources, targets])[order], np.arange(len(number) + 1))
    layer_of = graph.layer_of[live]
    n_slots = np.diff(begin)[layer_of]
    first = np.concatenate([[0], np.cumsum(n_slots)])
    slots = np.arange(first[-1]) - np.repeat(first[:-1] - begin[layer_of], n_slots)
    indptr, indices, weights, values, totals = _neighbours(
        graph.weights.indptr,
        graph.weights.indices,
        live_magnitudes(graph, live),
        np.where(live, np.cumsum(live) - 1, -1).astype(np.int32),
        graph.layer_of,
        (sources, targets, slot_of, begin),
        first,
    )
    scale = np.concatenate([totals, totals])[order]
    scale = np.divide(1.0, np.sqrt(scale), out=np.zeros(scale.size), where=scale > 0)
    level = Level(
        indptr,
        indices,
        weights,
        first,
        slots.astype(np.int32),
        values * scale[slots],
        np.zeros(layer_of.size),
        np.zeros(layer_of.size, dtype=bool),
        partner,
        np.zeros((layer_of.size, partner.size)),  # by calloc: no memory until it is written
    )
    return level, float(totals.sum())


@compiled
def _neighbours(
    indptr: Any, ends: Any, weights: Any, number: Any, layer_of: Any, pairs: Any, first: Any
) -> tuple[Any, Any, Any, Any, Any]:
    """Neighbours of each live unit in both directions, as CSR; its strengths; the pairs' totals.

    Edges of weight 0 are left out: they add nothing to any sum, and must not connect a module.
    """
    sources, targets, slot_of, first_slot = pairs
    n, n_pairs = first.size - 1, sources.size
    begin, values, totals = np.zeros(n + 1, np.int64), np.zeros(first[n]), np.zeros(n_pairs)
    pair_to, previous = np.empty(first_slot.size - 1, np.int64), -1
    for unit in range(number.size):
        layer = layer_of[unit]
        if layer != previous:
            previous = layer
            for pair in range(n_pairs):
                if sources[pair] == layer:
                    pair_to[targets[pair]] = pair
        for edge in range(indptr[unit], indptr[unit + 1]):
            if weights[edge] > 0:
                here, there, far = number[unit], number[ends[edge]], layer_of[ends[edge]]
                pair = pair_to[far]
                begin[here + 1] += 1
                begin[there + 1] += 1
                totals[pair] += weights[edge]
                values[first[here] + slot_of[pair] - first_slot[layer]] += weights[edge]
                values[first[there] + slot_of[n_pairs + pair] - first_slot[far]] += weights[edge]
    for unit in range(n):
        begin[unit + 1] += begin[unit]
    spot = begin[:-1].copy()
    indices, both = np.empty(begin[n], np.int32), np.empty(begin[n])
    for unit in range(number.size):
        for edge in range(indptr[unit], indptr[unit + 1]):
            if weights[edge] > 0:
                here, there = number[unit], number[ends[edge]]
                indices[spot[here]], both[spot[here]] = there, weights[edge]
                indices[spot[there]], both[spot[there]] = here, weights[edge]
                spot[here] += 1
                spot[there] += 1
    return begin, indices, both, values, totals
