"""The one check that every function of a graph and a partition makes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.errors import GraphError
from netsculpt.graph import NetGraph
from netsculpt.partition import Partition


def checked_labels(graph: NetGraph, partition: Partition) -> NDArray[np.int32]:
    """The partition's labels [U], if it is one of this graph's units."""
    if partition.labels.size != graph.n_units:
        raise GraphError(
            f"the partition has {partition.labels.size} labels, the graph {graph.n_units} units: "
            "one label a unit is needed (live() drops units: partition the same graph)"
        )
    return partition.labels
