"""From one weight to the edges between two layers of units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csr_array

from netsculpt.files.arrays import Array, SparseWeight, dense
from netsculpt.graph.graph import float_type
from netsculpt.graph.matrices import kept_entries
from netsculpt.loading.weights.links import Link

__all__ = ["LayerEdges", "edges_of"]


@dataclass(frozen=True, eq=False)
class LayerEdges:
    """The edges from one layer of units to the next."""

    matrix: csr_array  # [in, out]
    multiplicity: NDArray[np.int32] | None  # scalars behind each stored entry (None: all 1)
    origin: str  # what defines the edges: "mask", "stored" or "nonzero"


def edges_of(link: Link) -> LayerEdges:
    """The kept entries of a weight, one edge per pair of units, with norms folded in.

    A matrix keeps its signed weights. Where several scalars form an edge (the taps of a kernel, the
    positions of a flattened channel) its weight is their L1 norm, the sum of their magnitudes.
    Batch norm multiplies incoming weights by γ/√(σ²+ε), layer and group norm by γ; where that is 0
    the unit's output is constant, and its weights stay as they are. Cost
    O(size) for dense weights, O(E log E) for sparse ones.
    """
    origin = _origin(link)
    if link.kind != "conv" and link.positions == 1:
        edges = LayerEdges(_matrix(link), None, origin)
    elif isinstance(link.weight, SparseWeight):
        edges = _summed_entries(_kept_matrix(link.weight, link.mask), link, origin)
    else:
        edges = _summed_slices(link.weight, link.mask, link, origin)
    if not link.norms:
        return edges
    factor = np.prod([norm.factor for norm in link.norms], axis=0)
    factor = np.where(factor == 0, 1.0, factor)
    if edges.multiplicity is not None:
        factor = np.abs(factor)
    matrix = edges.matrix
    data = (matrix.data * factor[matrix.indices]).astype(matrix.dtype)
    scaled = csr_array((data, matrix.indices, matrix.indptr), matrix.shape)
    return LayerEdges(scaled, edges.multiplicity, origin)


def _origin(link: Link) -> str:
    if link.mask is not None:
        return "mask"
    return "stored" if isinstance(link.weight, SparseWeight) else "nonzero"


def _matrix(link: Link) -> csr_array:
    if isinstance(link.weight, SparseWeight):
        return kept_entries(_kept_matrix(link.weight, link.mask), name=link.parameter)
    mask = None if link.mask is None else dense(link.mask)
    return kept_entries(link.weight, mask, name=link.parameter)


def _kept_matrix(weight: SparseWeight, mask: Array | None) -> Any:
    """The stored entries, or those that the mask keeps, with weight 0 where none is stored."""
    if mask is None:
        return weight.matrix
    pattern = (
        mask.matrix if isinstance(mask, SparseWeight) else csr_array(mask.reshape(len(mask), -1))
    )
    kept = csr_array(pattern)
    width = weight.matrix.shape[1]
    wanted = _keys(kept, width)[kept.data != 0]
    stored = _keys(weight.matrix, width)
    data = np.zeros(wanted.size, dtype=weight.dtype)
    is_stored = np.isin(wanted, stored, assume_unique=True)
    data[is_stored] = weight.matrix.data[np.searchsorted(stored, wanted[is_stored])]
    return sparse.csr_array((data, (wanted // width, wanted % width)), weight.matrix.shape)


def _keys(matrix: Any, width: int) -> NDArray[np.int64]:
    """One ascending number per entry."""
    rows = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))
    return np.asarray(rows * width + matrix.indices)


def _summed_slices(weight: NDArray[Any], mask: Array | None, link: Link, origin: str) -> LayerEdges:
    n_out, n_in = link.n_out, link.n_in
    slices = weight.reshape(n_out, n_in, -1)  # [out, in, taps]
    keep = slices != 0 if mask is None else dense(mask).reshape(slices.shape) != 0
    taps = keep.sum(axis=2, dtype=np.int32)
    strength = np.sum(np.abs(slices), axis=2, where=keep, dtype=np.float64)
    matrix = kept_entries(strength.astype(float_type(weight.dtype)), taps > 0, name=link.parameter)
    return LayerEdges(matrix, taps.T[taps.T > 0], origin)


def _summed_entries(kept: Any, link: Link, origin: str) -> LayerEdges:
    n_out, n_in = link.n_out, link.n_in
    taps = kept.shape[1] // n_in if n_in else 1
    rows = np.repeat(np.arange(n_out, dtype=np.int64), np.diff(kept.indptr))
    keys, inverse = np.unique((kept.indices // taps) * np.int64(n_out) + rows, return_inverse=True)
    strength = np.bincount(inverse, np.abs(kept.data), minlength=keys.size)
    counts = np.bincount(inverse, minlength=keys.size).astype(np.int32)
    places = (keys // max(n_out, 1), keys % max(n_out, 1))
    matrix = csr_array((strength.astype(float_type(kept.dtype)), places), (n_in, n_out))
    return LayerEdges(matrix, counts, origin)
