"""Spectral expansion of layers, compared with that of Ramanujan graphs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds

from netsculpt.core.errors import GraphError, LimitError
from netsculpt.graph.graph import WIRING, NetGraph
from netsculpt.paths._kernels import kernel_entries

__all__ = ["Ramanujan", "ramanujan", "ramanujan_blocks"]

_DENSE_ENTRIES = 250_000  # up to here, all singular values are faster than the two largest


@dataclass(frozen=True)
class Ramanujan:
    """Spectral expansion of one layer, a bipartite graph of scalar weights."""

    n_left: int  # input side; C_in · k · k for a kernel
    n_right: int  # output side
    n_edges: int
    degree_left: float  # mean number of edges per unit, including units without edges
    degree_right: float
    sigma1: float  # singular values of the 0/1 biadjacency, largest first
    sigma2: float  # μ̂
    difference_of_bound: float  # Δr; ≥ 0 if the layer expands like a Ramanujan graph
    weighted_spectral_gap: float  # σ1(|W|) − σ2(|W|)

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able."""
        return asdict(self)


def ramanujan(weight: Any, mask: Any = None) -> Ramanujan:
    """Ramanujan measures of one layer, on the bipartite pattern of its scalar weights.

    ``Δr = sqrt(d_L − 1) + sqrt(d_R − 1) − μ̂`` with mean degrees d and μ̂ the second singular
    value of the 0/1 biadjacency matrix; a root of a negative number (d < 1) counts as 0. The
    weighted spectral gap is ``σ1(|W|) − σ2(|W|)``. Kernels have C_in · k · k units on the left.
    Weights enter as pattern in Δr, as magnitude in the gap. Large layers use sparse SVD, O(E) per
    iteration.

    Source: Hoang et al. 2023, "Revisiting pruning at initialization through the lens of
    Ramanujan graph", ICLR.

    Parameters
    ----------
    weight
        Matrix [out, in] or kernel [out, in, k, …] as in torch: array, tensor or sparse matrix.
    mask
        Of the same shape, nonzero = kept, so that a kept weight may be 0. Without a mask, nonzero
        entries are the edges (stored ones of a sparse matrix).

    Examples
    --------
    >>> result = ramanujan(np.ones((30, 20)))
    >>> round(result.sigma1**2, 9), abs(result.sigma2) < 1e-12
    (600.0, True)
    """
    if isinstance(weight, NetGraph):
        raise GraphError("the weight is a graph: use ramanujan_blocks(graph) for its blocks")
    return _measures(kernel_entries(weight, mask))


def ramanujan_blocks(graph: NetGraph) -> dict[tuple[str, str], Ramanujan]:
    """Measures of `ramanujan` for every block of a graph, on the pattern of its units, but wiring.

    An edge between two channels counts once, whatever the size of the kernel: for the pattern of
    scalar weights of a convolution pass its kernel to `ramanujan`. Weights enter as there.

    Returns
    -------
    Measures by (source, target).

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> blocks = ramanujan_blocks(from_matrices([np.ones((30, 20)), np.ones((10, 30))]))
    >>> [(pair, round(block.difference_of_bound, 3)) for pair, block in blocks.items()]
    [(('input', 'hidden1'), 9.744), (('hidden1', 'output'), 8.385)]
    """
    return {
        (block.source, block.target): _measures(graph.block(block.source, block.target))
        for block in graph.blocks
        if block.kind != WIRING
    }


def _measures(weights: csr_array) -> Ramanujan:
    """Measures of a layer [in, out]."""
    if not np.isfinite(weights.data).all():
        n_wrong = int((~np.isfinite(weights.data)).sum())
        raise GraphError(
            f"{n_wrong} of {weights.nnz} weights are NaN or infinite: singular values need finite "
            "weights; prune these, or set them to 0"
        )
    n_left, n_right = weights.shape
    degree_left = weights.nnz / n_left if n_left else 0.0
    degree_right = weights.nnz / n_right if n_right else 0.0
    magnitudes = np.abs(weights.data.astype(np.float64))
    pattern = csr_array((np.ones(weights.nnz), weights.indices, weights.indptr), weights.shape)
    sigma1, sigma2 = _two_largest(pattern)
    heavy1, heavy2 = _two_largest(
        csr_array((magnitudes, weights.indices, weights.indptr), weights.shape)
    )
    bound = sqrt(max(degree_left - 1, 0.0)) + sqrt(max(degree_right - 1, 0.0))
    return Ramanujan(
        n_left,
        n_right,
        weights.nnz,
        degree_left,
        degree_right,
        sigma1,
        sigma2,
        bound - sigma2,
        heavy1 - heavy2,
    )


def _two_largest(matrix: csr_array) -> tuple[float, float]:
    n_rows, n_columns = matrix.shape
    scale = float(np.abs(matrix.data).max(initial=0.0))
    if scale == 0:
        return 0.0, 0.0
    matrix = csr_array(matrix / scale)  # the sparse solver squares
    if min(n_rows, n_columns) <= 2 or n_rows * n_columns <= _DENSE_ENTRIES:
        values = np.linalg.svd(matrix.toarray(), compute_uv=False)
    else:
        start = np.random.default_rng(0).standard_normal(min(matrix.shape))  # fixed
        values = np.sort(svds(matrix, 2, v0=start, return_singular_vectors=False))[::-1]
    padded = np.concatenate([values, [0.0, 0.0]])
    if float(padded[0]) * scale == np.inf:
        raise LimitError(
            f"a singular value of a layer with weights up to {scale:.3g} is beyond float64: divide "
            "the weights by a constant"
        )
    return float(padded[0] * scale), float(padded[1] * scale)
