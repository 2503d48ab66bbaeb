"""Columns of units and of edges, as other libraries keep them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.graph import NetGraph, unit_names

__all__ = ["block_of", "unit_columns"]


def unit_columns(graph: NetGraph) -> dict[str, list[Any]]:
    """Name, layer, role, position in the model's layer, and attributes, of each unit [U]."""
    assert graph.positions is not None  # filled in by the constructor
    layers = [graph.layers[index] for index in graph.layer_of]
    return {
        "name": unit_names(graph),
        "layer": [layer.name for layer in layers],
        "role": [layer.role for layer in layers],
        "position": graph.positions.tolist(),
        **{name: values.tolist() for name, values in graph.attributes.items()},
    }


def block_of(graph: NetGraph) -> NDArray[np.int32]:
    """Index in ``graph.blocks`` of each edge's block [E]."""
    indices = np.empty(graph.n_edges, dtype=np.int32)
    for index, block in enumerate(graph.blocks):
        indices[graph.block_edges(block.source, block.target)] = index
    return indices
