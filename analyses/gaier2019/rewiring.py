"""A null for networks without layers: other edges, the same degrees, still acyclic."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.random import RNG
from netsculpt.graph.attributes import ACTIVATION
from netsculpt.graph.by_depth import by_depth
from netsculpt.graph.graph import NetGraph

_TRIES = 30  # per edge


def swapped(graph: NetGraph, *, rng: RNG = None) -> NetGraph:
    """The graph after many swaps of two edges' ends, each from a unit to a later one.

    Every unit keeps its number of incoming and of outgoing edges, its activation and its place in
    the order of the file. A swap a → b, c → d to a → d, c → b is made if both new edges lead to a
    later unit and are not there yet. Depths may change, and so the layers.
    """
    assert graph.positions is not None
    rng = np.random.default_rng(rng)
    place = graph.positions.astype(np.int64)
    sources, targets = place[graph.sources], place[graph.weights.indices]
    there = set(zip(sources.tolist(), targets.tolist(), strict=True))
    for one, two in rng.integers(sources.size, size=(_TRIES * sources.size, 2)):
        a, b, c, d = (int(x) for x in (sources[one], targets[one], sources[two], targets[two]))
        if a < d and c < b and (a, d) not in there and (c, b) not in there:
            there -= {(a, b), (c, d)}
            there |= {(a, d), (c, b)}
            targets[one], targets[two] = d, b
    names: NDArray[np.str_] = np.empty(graph.n_units, graph.attributes[ACTIVATION].dtype)
    names[place] = graph.attributes[ACTIVATION]
    return by_depth(
        sources,
        targets,
        n_inputs=sum(layer.n_units for layer in graph.layers if layer.role == "input"),
        n_outputs=graph.layers[-1].n_units,
        activation=names.tolist(),
    )
