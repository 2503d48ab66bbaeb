"""What tests of graphs share: their bytes, other numbers for the same units, paths one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from scipy.sparse import csr_array

from netsculpt import NetGraph


def content(graph: NetGraph) -> bytes:
    """The bytes of a graph's weights and multiplicity."""
    csr = graph.weights
    extra = b"" if graph.multiplicity is None else graph.multiplicity.tobytes()
    return csr.data.tobytes() + csr.indices.tobytes() + csr.indptr.tobytes() + extra


def relabelled(graph: NetGraph, rng: np.random.Generator) -> tuple[NetGraph, np.ndarray]:
    """The same network with units shuffled inside each layer; old unit at each new place [U]."""
    old = np.concatenate([rng.permutation(np.arange(x.start, x.stop)) for x in graph.layers])
    new = np.argsort(old)
    rows, columns = new[graph.sources], new[graph.weights.indices]
    order = np.lexsort((columns, rows))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=graph.n_units))])
    weights = csr_array(
        (graph.weights.data[order], columns[order], indptr), (graph.n_units, graph.n_units)
    )
    return NetGraph(weights, None, graph.layers, graph.blocks), old


def edge_paths(graph: NetGraph, begins: Iterable[int], ends: Iterable[int]) -> Iterator[list[int]]:
    """Every path from one of `begins` to one of `ends`, as its edges; ends may lead on."""
    indptr, targets = graph.weights.indptr, graph.weights.indices
    last = {int(unit) for unit in ends}

    def onward(unit: int, passed: list[int]) -> Iterator[list[int]]:
        if unit in last:
            yield passed
        for edge in range(indptr[unit], indptr[unit + 1]):
            yield from onward(int(targets[edge]), [*passed, edge])

    for unit in begins:
        yield from onward(int(unit), [])
