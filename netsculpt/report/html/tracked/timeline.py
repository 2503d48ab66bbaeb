"""The steps of a network as the page unpacks them: what differs from one to the next."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.plots.layouts.strength import heavy_weight
from netsculpt.report.html.drawn import Drawn
from netsculpt.report.html.network import shipped
from netsculpt.report.over_time.networks import Networks

__all__ = ["timeline"]


def timeline(networks: Networks, picture: Drawn) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Totals of every step, and arrays of what changes.

    ``changes``: for each step the drawn edges that come or go, a bit each, rows of whole bytes.
    ``bits``: for each step and edge that is there the exclusive or of its weight (the 32 bits of a
    float) with that which it last had, so that weights that stay are 0. ``heavy``: for each drawn
    edge what counts as heavy between its layers, over all steps. ``step:…``: columns [T U].
    """
    kept = networks.kept[:, picture.edge]
    rows = np.concatenate([[np.zeros(kept.shape[1], bool)], kept])
    weights = _drawn_weights(networks, picture.edge)
    held = np.zeros(kept.shape[1], np.uint32)
    bits = []
    for row, weight in zip(kept, weights, strict=True):
        now = weight.view(np.uint32)
        bits.append(now ^ held[row])
        held[row] = now
    graph = networks.graph
    pair = graph.layer_of[graph.sources].astype(np.int64) * len(graph.layers)
    pair = (pair + graph.layer_of[graph.weights.indices])[picture.edge]
    every = np.concatenate([pair[row] for row in kept])
    heavy = np.zeros(len(graph.layers) ** 2, np.float32)
    heavy[every] = heavy_weight(np.abs(np.concatenate(weights)), every)
    columns = shipped(list(networks.columns), kept.shape[0] * graph.n_units)
    arrays: dict[str, NDArray[Any]] = {
        "changes": np.packbits(rows[1:] != rows[:-1], axis=1),
        "bits": np.concatenate(bits),
        "heavy": heavy[pair],
        **{f"step:{name}": networks.columns[name] for name in columns},
    }
    counts = zip(kept.sum(axis=1), networks.n_edges, networks.n_live, strict=True)
    steps = [
        {
            "drawn_edges": int(drawn),
            "totals": {"live_edges": int(edges), "drawn_edges": int(drawn), "at_step": int(live)},
        }
        for drawn, edges, live in counts
    ]
    return steps, arrays


def _drawn_weights(networks: Networks, edge: NDArray[np.intp]) -> list[NDArray[np.float32]]:
    """Weights of the drawn edges that each step keeps."""
    drawn = np.zeros(networks.graph.n_edges, dtype=bool)
    drawn[edge] = True
    stops = np.cumsum(networks.kept.sum(axis=1))
    parts = np.split(networks.weights, stops[:-1])
    return [part[drawn[row]] for part, row in zip(parts, networks.kept, strict=True)]
