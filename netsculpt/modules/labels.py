"""What every function of a graph and a partition begins with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import GraphError
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import Partition


def checked_labels(graph: NetGraph, partition: Partition) -> NDArray[np.int32]:
    """The partition's labels [U], if it is one of this graph's units."""
    if not isinstance(partition, Partition):
        raise GraphError(f"a {type(partition).__name__} is given: wrap labels as Partition(labels)")
    if partition.labels.size != graph.n_units:
        raise GraphError(
            f"the partition has {partition.labels.size} labels, the graph {graph.n_units} units: "
            "one label a unit is needed (live() drops units: partition the same graph)"
        )
    return partition.labels


def live_magnitudes(graph: NetGraph, live: NDArray[np.bool_]) -> NDArray[np.float64]:
    """|weight| of the edges between live units relative to the largest, 0 for other edges [E].

    This changes no share of weight, and keeps all sums and products within float64.
    """
    weight = np.abs(graph.weights.data.astype(np.float64))
    weight *= live[graph.sources] & live[graph.weights.indices]
    largest = weight.max(initial=0.0)
    return weight / largest if largest > 0 else weight
