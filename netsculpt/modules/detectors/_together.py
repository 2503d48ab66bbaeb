"""Units that move as one, as nodes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import NO_MODULE, Partition, labels_of

__all__ = ["alone_if_none", "given_labels", "nodes_of"]


def nodes_of(
    graph: NetGraph, live: NDArray[np.bool_], together: ArrayLike | None
) -> NDArray[np.int32]:
    """The node of each live unit [n], 0, 1, …: units of one label of `together` [U] share one.

    Raises `GraphError` if `together` is not one label per unit.
    """
    return alone_if_none(given_labels(graph, together)[live])


def given_labels(graph: NetGraph, labels: ArrayLike | None) -> NDArray[np.int32]:
    """Labels [U] that a caller gave, checked; all −1 if there are none."""
    if labels is None:
        return np.full(graph.n_units, NO_MODULE, dtype=np.int32)
    return labels_of(graph, Partition(labels))


def alone_if_none(labels: NDArray[np.integer]) -> NDArray[np.int32]:
    """Labels below their count; a node without a label gets its own."""
    own = np.where(labels < 0, labels.max(initial=0) + 1 + np.arange(labels.size), labels)
    return np.unique(own, return_inverse=True)[1].astype(np.int32)
