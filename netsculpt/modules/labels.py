"""Weights of the edges between live units."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.graph import NetGraph


def live_magnitudes(graph: NetGraph, live: NDArray[np.bool_]) -> NDArray[np.float64]:
    """|weight| of the edges between live units over the largest of them, 0 for all others [E].

    Shares of weight do not change by that, and no sum or product leaves the range of numbers.
    """
    weight = np.abs(graph.weights.data.astype(np.float64))
    weight *= live[graph.sources] & live[graph.weights.indices]
    largest = weight.max(initial=0.0)
    return weight / largest if largest > 0 else weight
