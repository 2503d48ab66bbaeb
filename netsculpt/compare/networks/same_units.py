"""Units at the same place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.compare.networks.matching import NO_PARTNER, UnitMatching, check_names
from netsculpt.graph.graph import NetGraph

__all__ = ["same_units"]


def same_units(first: NetGraph, second: NetGraph) -> UnitMatching:
    """Take units of the same layer and position for the same.

    For a network that became the other by training or pruning. Units that only one of them has, as
    after sculpting, have no partner.

    Raises
    ------
    GraphError
        If their layers have different names.

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.array([[1.0, 1.0], [0.0, 0.0]]), np.array([[1.0, 1.0]])])
    >>> same_units(graph, graph.live()).partner.tolist()
    [0, 1, 2, -1, 3]
    """
    check_names(first.layers, second.layers)
    places = [
        {
            pair: unit
            for unit, pair in enumerate(
                zip(graph.layer_of.tolist(), _positions(graph).tolist(), strict=True)
            )
        }
        for graph in (first, second)
    ]
    partner = np.array([places[1].get(place, NO_PARTNER) for place in places[0]], dtype=np.int64)
    nan = float("nan")
    unmeasured = np.full(first.n_units, nan)
    return UnitMatching("same units", partner, second.n_units, unmeasured, nan, nan, nan)


def _positions(graph: NetGraph) -> NDArray[np.int32]:
    assert graph.positions is not None  # filled in by the constructor
    return graph.positions
