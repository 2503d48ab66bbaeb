"""One pass over the edges: from the inputs on, from the outputs back, or one of each.

Three engines, one result. Small graphs are swept in NumPy, so that they never wait for a
compiler; large ones in compiled code; and where numbers leave the range of these two, with an
exponent for each unit.
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
    """Weight of the paths through each unit [U]; None where only `units_scaled` is right."""
    return _engine(graph).units_through(graph)


def weights_through(
    graph: NetGraph, jobs: int = 1
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Weight of the paths through each unit [U] and each edge [E], by up to `jobs` threads.

    None where only `units_scaled` and `edges_scaled` are right.
    """
    return _engine(graph).weights_through(graph, jobs)


def units_scaled(graph: NetGraph) -> Scaled:
    """Weight of the paths through each unit [U]."""
    return forward(graph) * backward(graph)


def edges_scaled(graph: NetGraph) -> Iterator[tuple[slice, Scaled]]:
    """Weight of the paths through each edge, part by part of [E]."""
    for edges, ends in _wide.edge_products(graph, forward(graph), backward(graph)):
        yield edges, ends * scaled(graph.weights.data[edges].astype(np.float64), 0)


def total(graph: NetGraph) -> Scaled:
    """Weight of all input→output paths."""
    return forward(graph)[graph.outputs].sum()


def non_negative(graph: NetGraph, name: str) -> NetGraph:
    """The graph itself, if no weight is below 0."""
    least = graph.weights.data.min(initial=0.0)
    if least < 0:
        raise GraphError(
            f"a weight of {least:.4g} found: {name} needs weights ≥ 0; pass graph.magnitude "
            "(each edge counts |weight|) or graph.pattern (each counts 1)"
        )
    return graph


class _Engine(Protocol):
    """What each engine offers; None where numbers would leave its range."""

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
    except ImportError:  # numba is not there on every platform: slower, same numbers
        return _layerwise
    return _compiled
