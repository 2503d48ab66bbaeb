"""What tests of graphs share: their bytes, other numbers for the same units, paths one by one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import numpy as np
from scipy.sparse import csr_array

from netsculpt import NetGraph


def content(graph: NetGraph) -> bytes:
    """The bytes of a graph's weights and multiplicity."""
    csr = graph.weights
    extra = b"" if graph.multiplicity is None else graph.multiplicity.tobytes()
    return csr.data.tobytes() + csr.indices.tobytes() + csr.indptr.tobytes() + extra


ROLES = ("input", "hidden", "output", "junction", "state")


def relabelled(
    graph: NetGraph, rng: np.random.Generator, roles: Collection[str] = ROLES
) -> tuple[NetGraph, np.ndarray]:
    """The network with units shuffled in each layer of these roles; old unit at each place [U]."""
    old = np.arange(graph.n_units)
    for layer in graph.layers:
        if layer.role in roles:
            old[layer.units] = rng.permutation(old[layer.units])
    new = np.argsort(old)
    rows, columns = new[graph.sources], new[graph.weights.indices]
    order = np.lexsort((columns, rows))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=graph.n_units))])
    weights = csr_array(
        (graph.weights.data[order], columns[order], indptr), (graph.n_units, graph.n_units)
    )
    attributes = {name: values[old] for name, values in graph.attributes.items()}
    return NetGraph(weights, None, graph.layers, graph.blocks, attributes=attributes), old


def scaled(graph: NetGraph, factors: np.ndarray) -> NetGraph:
    """The network with each hidden unit's incoming weights × its factor, outgoing ones ÷ it [U]."""
    hidden = np.ones(graph.n_units, dtype=bool)
    hidden[graph.inputs] = hidden[graph.outputs] = False
    scale = np.where(hidden, factors, 1.0)
    weights = graph.weights.data * scale[graph.weights.indices] / scale[graph.sources]
    return graph.with_weights(weights.astype(graph.weights.dtype))


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
