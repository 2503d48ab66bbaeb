"""The part of a graph that some of its units and edges make."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.graph.graph import NetGraph, edge_columns

__all__ = ["part_of"]


def part_of(graph: NetGraph, units: NDArray[np.bool_], edges: NDArray[np.bool_]) -> NetGraph:
    """The graph of some units [U] and of some edges [E] between them, with all layers.

    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[1.0, 4.0]])])
    >>> part_of(graph, np.ones(5, bool), graph.weights.data > 2)
    NetGraph(2-2-1: 5 units, 2 edges)
    """
    assert graph.positions is not None
    number = np.cumsum(units, dtype=np.int32) - 1
    bounds = np.concatenate([[0], np.cumsum(units)]).tolist()
    ends = number[graph.sources[edges]], number[graph.weights.indices[edges]]
    n_kept = int(units.sum())
    weights = csr_array((graph.weights.data[edges], ends), (n_kept, n_kept))
    weights.sort_indices()
    return NetGraph(
        weights,
        layers=tuple(replace(x, start=bounds[x.start], stop=bounds[x.stop]) for x in graph.layers),
        blocks=graph.blocks,
        provenance=graph.provenance,
        positions=graph.positions[units],
        attributes={name: values[units] for name, values in graph.attributes.items()},
        **edge_columns(graph, edges),
    )
