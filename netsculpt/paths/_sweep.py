"""Sweeps over the edges: from the inputs on, from the outputs back, or both.

Three engines give one result. Small graphs are swept in NumPy, so that they never wait for the
compiler; large ones in compiled code; and numbers beyond the range of these two with an exponent
per unit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import GraphError
from netsculpt.graph.graph import NetGraph
from netsculpt.paths import _layerwise, _wide
from netsculpt.paths._scaled import Scaled, scaled

__all__ = [
    "backward",
    "edges_scaled",
    "forward",
    "non_negative",
    "total",
    "units_scaled",
    "units_through",
    "weights_through",
]

_COMPILE_FROM = 100_000  # edges


def forward(
    graph: NetGraph, *, squared: bool = False, removed: NDArray[np.bool_] | None = None
) -> Scaled:
    """Weight of the paths from the inputs to each unit [U], over the units not removed."""
    gone = np.zeros(graph.n_units, dtype=bool) if removed is None else removed
    return _engine(graph).forward(graph, squared, gone) or _wide.forward(graph, squared, gone)


def backward(
    graph: NetGraph, *, squared: bool = False, removed: NDArray[np.bool_] | None = None
) -> Scaled:
    """Weight of the paths from each unit to the outputs [U], over the units not removed."""
    gone = np.zeros(graph.n_units, dtype=bool) if removed is None else removed
    return _engine(graph).backward(graph, squared, gone) or _wide.backward(graph, squared, gone)


def units_through(graph: NetGraph) -> NDArray[np.float64] | None:
    """Weight of the paths through each unit [U]; None if only `units_scaled` can hold it."""
    return _engine(graph).units_through(graph)


def weights_through(
    graph: NetGraph, jobs: int = 1
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Weight of the paths through each unit [U] and each edge [E], by up to `jobs` threads.

    None if only `units_scaled` and `edges_scaled` can hold them.
    """
    return _engine(graph).weights_through(graph, jobs)


def units_scaled(graph: NetGraph) -> Scaled:
    """Weight of the paths through each unit [U]."""
    return forward(graph) * backward(graph)


def edges_scaled(graph: NetGraph) -> Iterator[tuple[slice, Scaled]]:
    """Yield the weight of the paths through each edge, slice by slice of [E]."""
    for edges, ends in _wide.edge_products(graph, forward(graph), backward(graph)):
        yield edges, ends * scaled(graph.weights.data[edges].astype(np.float64), 0)


def total(graph: NetGraph) -> Scaled:
    """Weight of all input→output paths."""
    return forward(graph)[graph.outputs].sum()


def non_negative(graph: NetGraph, name: str) -> NetGraph:
    """Return the graph; raise `GraphError` if a weight is negative."""
    least = graph.weights.data.min(initial=0.0)
    if least < 0:
        raise GraphError(
            f"a weight is {least:.4g}: {name} needs weights ≥ 0; pass graph.magnitude (|w|) or "
            "graph.pattern (1 for each edge)"
        )
    return graph


class _Engine(Protocol):
    """The interface of an engine; its sweeps return None if numbers leave its range."""

    def forward(
        self, graph: NetGraph, squared: bool, removed: NDArray[np.bool_], /
    ) -> Scaled | None: ...

    def backward(
        self, graph: NetGraph, squared: bool, removed: NDArray[np.bool_], /
    ) -> Scaled | None: ...

    def units_through(self, graph: NetGraph, /) -> NDArray[np.float64] | None: ...

    def weights_through(
        self, graph: NetGraph, jobs: int, /
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None: ...


def _engine(graph: NetGraph) -> _Engine:
    if graph.n_edges < _COMPILE_FROM:
        return _layerwise
    try:
        from netsculpt.paths import _compiled
    except ImportError:  # numba is not available on every platform: slower, same numbers
        return _layerwise
    return _compiled
