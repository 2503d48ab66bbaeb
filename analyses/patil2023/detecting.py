"""Modules of a network by any detector, from its graph alone or with data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.catalog import catalog, names
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import Partition

__all__ = ["KNOWN", "modules_by"]

_DETECTORS, _DATA_AWARE = "detectors", "data_aware"
KNOWN = (*names(_DETECTORS), *names(_DATA_AWARE))


def modules_by(
    detector: str,
    graph: NetGraph,
    rng: np.random.Generator,
    influence: Callable[[], NDArray[np.float64]],
) -> Partition:
    """The partition of a detector; `influence` is called only for data-aware ones."""
    data_aware = catalog(_DATA_AWARE)
    if detector in data_aware:
        partition: Partition = data_aware[detector](graph, influence())
    else:
        partition = catalog(_DETECTORS)[detector](graph, rng=rng)
    return partition
