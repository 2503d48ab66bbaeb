"""Names of a model that try to become markup."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from netsculpt.graph.graph import NetGraph

HOSTILE = (
    "</script><script>alert(1)</script>",
    "\"><img src=x onerror='alert(2)'>\u202e",
    "<!--<script>",
)


def hostile(graph: NetGraph) -> NetGraph:
    """The graph with layers whose names try to become markup."""
    names = {layer.name: bad for layer, bad in zip(graph.layers, HOSTILE, strict=True)}
    return NetGraph(
        graph.weights,
        None,
        tuple(replace(layer, name=names[layer.name]) for layer in graph.layers),
        tuple(
            replace(x, source=names[x.source], target=names[x.target], parameter=HOSTILE[0])
            for x in graph.blocks
        ),
        attributes={"activation": np.resize(HOSTILE, graph.n_units)},
    )
