"""Edge weights between live units, as detectors and qualities see them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.graph import NetGraph


def live_magnitudes(graph: NetGraph, live: NDArray[np.bool_]) -> NDArray[np.float64]:
    """|weight| of the edges between live units relative to the largest, 0 for other edges [E].

    This changes no share of weight, and keeps all sums and products within float64.
    """
    weight = graph.weights.data.astype(np.float64)
    np.abs(weight, out=weight)
    if not live.all():
        weight *= live[graph.sources] & live[graph.weights.indices]
    largest = weight.max(initial=0.0)
    if largest > 0:
        weight /= largest
    return weight
