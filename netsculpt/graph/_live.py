"""Units on a path from an input to an output, and what is left of a graph without the others."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.core.slices import slices
from netsculpt.graph.layers import Layer


def on_paths(
    weights: csr_array,
    layers: Sequence[Layer],
    inputs: NDArray[np.intp],
    outputs: NDArray[np.intp],
) -> NDArray[np.bool_]:
    """Whether each unit is on a path from one of the inputs to one of the outputs [U]."""
    indptr, ends = weights.indptr, weights.indices
    n_leaving = np.diff(indptr)
    forward, backward = np.zeros((2, weights.shape[0]), dtype=bool)
    forward[inputs] = True
    backward[outputs] = True
    for layer in layers:
        targets = ends[indptr[layer.start] : indptr[layer.stop]]
        forward[targets[np.repeat(forward[layer.units], n_leaving[layer.units])]] = True
    for layer in reversed(layers):
        targets = ends[indptr[layer.start] : indptr[layer.stop]]
        units = np.arange(layer.start, layer.stop, dtype=np.int32)
        backward[np.repeat(units, n_leaving[layer.units])[backward[targets]]] = True
    return forward & backward


def weights_between(
    weights: csr_array, keep: NDArray[np.bool_]
) -> tuple[csr_array, NDArray[np.bool_]]:
    """The weights between units that are kept [K, K], and whether each edge is one of these [E]."""
    number = np.cumsum(keep, dtype=np.int32) - 1
    kept_edges, n_each = _edges_between(weights, keep)
    indptr = np.concatenate([[0], np.cumsum(n_each[keep])]).astype(np.int32)
    indices = weights.indices[kept_edges]
    for part in slices(indices.size):
        indices[part] = number[indices[part]]
    n_kept = int(keep.sum())
    return csr_array((weights.data[kept_edges], indices, indptr), (n_kept, n_kept)), kept_edges


def _edges_between(
    matrix: csr_array, keep: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which edges join units that are kept [E], and how many leave each unit [U]."""
    indptr, n_units = matrix.indptr, matrix.shape[0]
    chosen, n_each = np.empty(matrix.nnz, np.bool_), np.zeros(n_units, np.int64)
    bounds = np.flatnonzero(np.diff(indptr[:-1] >> 20)) + 1  # units with about 2²⁰ edges each
    for first, stop in pairwise([0, *bounds.tolist(), n_units]):
        start = indptr[first : stop + 1]
        ends = matrix.indices[start[0] : start[-1]]
        here = keep[ends] & np.repeat(keep[first:stop], np.diff(start))
        before = np.concatenate([[0], np.cumsum(here)])
        chosen[start[0] : start[-1]] = here
        n_each[first:stop] = np.diff(before[start - start[0]])
    return chosen, n_each
