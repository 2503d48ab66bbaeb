"""Modules of a network by any detector, from its graph alone or with data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.catalog import names
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import Partition
from netsculpt.pipeline import detector_of

__all__ = ["KNOWN", "modules_by"]

_DATA_AWARE = names("data_aware")
KNOWN = (*names("detectors"), *_DATA_AWARE)


def modules_by(
    detector: str,
    graph: NetGraph,
    rng: np.random.Generator,
    influence: Callable[[], NDArray[np.float64]],
) -> Partition:
    """The partition of a detector; `influence` is called only for data-aware ones."""
    data = influence() if detector in _DATA_AWARE else None
    return detector_of(detector, graph, data)(graph, rng=rng)
