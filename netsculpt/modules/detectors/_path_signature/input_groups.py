"""Groups of inputs that are combined separately: sub-functions below those of the outputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import inf, lgamma, log

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.graph.graph import Layer, NetGraph

__all__ = ["input_groups"]

_CHANCE = 0.05  # divisions expected in random wiring; above this, a division means nothing


def input_groups(graph: NetGraph) -> NDArray[np.intp]:
    r"""Group of each of ``graph.inputs``, 0 … G−1 [I].

    Up to some hidden layer the network may fall into parts with separate inputs. If each unit of
    that layer drew the number of inputs that it reads, d of N, at random, then the expected number
    of divisions of the inputs into groups of sizes :math:`N_k` that split no unit is:

    .. math:: E = \frac{N!}{\prod_k N_k! \prod_s m_s!}
              \prod_j \frac{\sum_k \binom{N_k}{d_j}}{\binom{N}{d_j}}

    with :math:`m_s` groups of size s. The last layer with E ≤ .05, or which each group of two
    inputs or more leaves by one edge, counts: a tree of gates reads each group by one number,
    however few gates it has. If there is no such layer, all inputs are one group. O(E) per layer
    while the network is in parts, and at most O(E I) to count the inputs that its units read.
    """
    groups = np.zeros(graph.inputs.size, dtype=np.intp)
    for layer, part_of in _divisions(graph):
        parts = part_of[graph.inputs]
        if _is_tree(graph, layer, part_of) or (
            _log_expected(np.bincount(parts), _inputs_read(graph, layer)) <= log(_CHANCE)
        ):
            groups = parts
    return groups


def _divisions(graph: NetGraph) -> Iterator[tuple[Layer, NDArray[np.intp]]]:
    """Yield hidden layers up to which the network is in parts, and the part of each unit [U]."""
    from scipy.sparse.csgraph import connected_components

    ends = {*graph.layer_of[graph.inputs].tolist(), *graph.layer_of[graph.outputs].tolist()}
    sources, targets = graph.sources, graph.weights.indices
    for index, layer in enumerate(graph.layers):
        if index in ends or not layer.n_units:
            continue
        below = targets < layer.stop
        ones = np.ones(int(below.sum()), dtype=np.int8)
        edges = csr_array((ones, (sources[below], targets[below])), graph.weights.shape)
        part = connected_components(edges, directed=False)[1]
        known = np.unique(part[graph.inputs])
        if known.size < 2:
            return
        number = np.full(part.max() + 1, -1, dtype=np.intp)
        number[known] = np.arange(known.size)
        part_of = number[part]
        yield layer, part_of


def _is_tree(graph: NetGraph, layer: Layer, part_of: NDArray[np.intp]) -> bool:
    """Whether each part of two inputs or more leaves a layer by one edge.

    Parts are numbered in `part_of` [U], −1 above the layer.
    """
    sizes = np.bincount(part_of[graph.inputs])
    leaving = (graph.weights.indices >= layer.stop) & (graph.sources < layer.stop)
    edges = np.bincount(part_of[graph.sources[leaving]], minlength=sizes.size)
    return bool((edges[sizes > 1] == 1).all() and (sizes > 1).any())


def _inputs_read(graph: NetGraph, layer: Layer) -> NDArray[np.int64]:
    """Number of inputs with a path to each unit of a layer."""
    backward = csr_array(graph.pattern.weights.T)
    frontier = backward[layer.units]
    reached = frontier
    while frontier.nnz:
        frontier = frontier @ backward
        frontier.data[:] = 1  # else path counts overflow in deep networks
        reached = reached + frontier
    is_input = np.zeros(graph.n_units, dtype=bool)
    is_input[graph.inputs] = True
    rows = np.repeat(np.arange(layer.n_units), np.diff(reached.indptr))
    return np.bincount(rows[is_input[reached.indices]], minlength=layer.n_units)


def _log_expected(sizes: NDArray[np.intp], read: NDArray[np.int64]) -> float:
    """Log E for groups of these sizes and units that read these numbers of inputs."""
    n_inputs = int(sizes.sum())
    expected = lgamma(n_inputs + 1) - sum(lgamma(size + 1) for size in sizes.tolist())
    expected -= sum(lgamma(count + 1) for count in Counter(sizes.tolist()).values())
    for degree, units in Counter(read.tolist()).items():
        inside = np.logaddexp.reduce([_log_choices(size, degree) for size in sizes.tolist()])
        expected += units * float(inside - _log_choices(n_inputs, degree))
    return expected


def _log_choices(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) if k <= n else -inf
