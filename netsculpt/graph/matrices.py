"""A chain of weight matrices as a graph.

Torch's [out, in] is transposed once, here. Tensors are recognised by their methods (``detach``,
``layout``), so this file does not import torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csr_array

from netsculpt.core.errors import GraphError, LimitError
from netsculpt.core.layouts import COMPRESSED, layout_of, parts
from netsculpt.core.provenance import step
from netsculpt.core.slices import slices
from netsculpt.graph.graph import Block, Layer, NetGraph, Role, float_type
from netsculpt.graph.indices import check_compressed, check_entries, check_sparse

__all__ = ["from_matrices", "kept_entries", "layers_in_chain"]

_AT_ONCE = 1 << 18  # entries of a dense matrix looked at together


def from_matrices(
    matrices: Iterable[Any],
    masks: Sequence[Any] | None = None,
    *,
    names: Sequence[str] | None = None,
    parameters: Sequence[str] | None = None,
) -> NetGraph:
    """Build the graph of a multi-layer perceptron from its weight matrices.

    Parameters
    ----------
    matrices
        One matrix per weight layer, [out, in] as in torch: NumPy array, SciPy sparse matrix, or
        torch tensor (dense, COO, CSR, CSC or BSR; any device).
    masks
        One mask (or None) per matrix, of the same shape, nonzero = kept. The mask alone decides
        which edges exist; a kept weight may be 0. Without a mask the edges are the stored
        entries of a sparse matrix and the nonzero entries of a dense one.
    names
        One name per layer of units (default "input", "hidden1", …, "output").
    parameters
        One name per matrix (default "W1", "W2", …).

    Raises
    ------
    GraphError
        If the shapes do not chain, a mask does not fit, a kept weight is not finite, or a sparse
        matrix or mask has indices outside its shape.

    Examples
    --------
    >>> W1, W2 = np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[0.0, 4.0]])
    >>> graph = from_matrices([W1, W2])
    >>> graph
    NetGraph(2-2-1: 5 units, 4 edges)
    >>> graph.block("hidden1", "output").toarray().tolist()
    [[0.0], [4.0]]
    """
    matrices = list(matrices)
    if not matrices:
        raise GraphError("no matrices found: one weight matrix [out, in] per layer is needed")
    chosen = [None] * len(matrices) if masks is None else list(masks)
    if len(chosen) != len(matrices):
        raise GraphError(
            f"{len(chosen)} masks found for {len(matrices)} matrices: one per matrix is needed"
        )
    names = _names(len(matrices) + 1) if names is None else list(names)
    parameters = [f"W{i + 1}" for i in range(len(matrices))] if parameters is None else parameters
    if len(names) != len(matrices) + 1 or len(parameters) != len(matrices):
        raise GraphError(
            f"{len(matrices)} matrices need {len(matrices) + 1} layer names and {len(matrices)} "
            f"parameter names; {len(names)} and {len(parameters)} found"
        )
    kept = [
        kept_entries(matrix, mask, name=name)
        for matrix, mask, name in zip(matrices, chosen, parameters, strict=True)
    ]
    for before, after, name, last in zip(kept, kept[1:], parameters[1:], parameters, strict=False):
        if before.shape[1] != after.shape[0]:
            raise GraphError(
                f"{name!r} is [{after.shape[1]}, {after.shape[0]}] but {last!r} before it has "
                f"{before.shape[1]} outputs: matrices are [out, in] as in torch, in layer order"
            )
    widths = [kept[0].shape[0], *(block.shape[1] for block in kept)]
    layers = layers_in_chain(widths, names)
    blocks = tuple(
        Block(source.name, target.name, parameter, "linear", source.n_units * target.n_units)
        for (source, target), parameter in zip(pairwise(layers), parameters, strict=True)
    )
    weights = _stack(kept, layers)
    return NetGraph(weights, None, layers, blocks, (step("from_matrices", widths=widths),))


def layers_in_chain(widths: Sequence[int], names: Sequence[str] | None = None) -> tuple[Layer, ...]:
    """Layers of two or more widths [L]: the input, hidden ones, the output."""
    hidden: list[Role] = ["hidden"] * (len(widths) - 2)
    roles: list[Role] = ["input", *hidden, "output"]
    names = _names(len(widths)) if names is None else names
    bounds = pairwise(np.concatenate([[0], np.cumsum(widths)]).tolist())
    return tuple(
        Layer(name, role, (stop - start,), start, stop)
        for name, role, (start, stop) in zip(names, roles, bounds, strict=True)
    )


def kept_entries(matrix: Any, mask: Any = None, *, name: str = "weight") -> csr_array:
    """The kept entries of a matrix [out, in], transposed to [in, out] and sorted by row.

    Stored zeros of a sparse matrix and zeros that a mask keeps remain entries.
    """
    weights: Any = _as_array(matrix, name)
    chosen: Any = None if mask is None else _as_array(mask, f"mask of {name}")
    if weights.ndim != 2:
        raise GraphError(f"{name!r} has shape {list(weights.shape)}: a matrix [out, in] is needed")
    if chosen is not None and chosen.shape != weights.shape:
        remedy = " transpose it" if chosen.shape == weights.shape[::-1] else " they must be equal"
        raise GraphError(
            f"mask of {name!r} is {list(chosen.shape)}, its weight is {list(weights.shape)}: masks "
            f"are [out, in] as in torch;{remedy}"
        )
    stored = not isinstance(weights, np.ndarray)
    if stored and chosen is None:
        transposed = csr_array(weights.T, dtype=float_type(weights.dtype), copy=True)
        transposed.sum_duplicates()
        return transposed
    if chosen is None:
        return _of_dense(weights, weights != 0)
    keep = (chosen if isinstance(chosen, np.ndarray) else chosen.toarray()) != 0
    return _of_dense(weights.toarray() if stored else weights, keep)


def _of_dense(weights: NDArray[Any], keep: NDArray[np.bool_]) -> csr_array:
    n_out, n_in = weights.shape
    indptr = np.concatenate([[0], np.cumsum(keep.sum(axis=0))])
    n_kept = int(indptr[-1])
    index = np.int32 if n_kept <= np.iinfo(np.int32).max else np.int64
    data, indices = np.empty(n_kept, float_type(weights.dtype)), np.empty(n_kept, index)
    for columns in slices(n_in, max(1, _AT_ONCE // max(n_out, 1))):
        kept = np.ascontiguousarray(keep[:, columns].T)
        here = slice(indptr[columns.start], indptr[columns.stop])
        indices[here] = np.nonzero(kept)[1]
        data[here] = weights[:, columns].T[kept]
    return csr_array((data, indices, indptr.astype(index)), (n_in, n_out))


def _stack(blocks: list[csr_array], layers: Sequence[Layer]) -> csr_array:
    """Blocks of consecutive layers on the first block diagonal of one matrix [U, U].

    Uses up the blocks: each is freed as soon as it is copied.
    """
    n_units, n_edges = layers[-1].stop, sum(block.nnz for block in blocks)
    if max(n_units, n_edges) > np.iinfo(np.int32).max:
        raise LimitError(f"{n_units} units and {n_edges} edges: at most 2³¹ − 1 of each (int32)")
    dtype = float_type(np.result_type(np.float32, *(block.dtype for block in blocks)))
    bounds = np.cumsum([0, *(block.nnz for block in blocks)]).tolist()
    data = np.empty(n_edges, dtype=dtype)
    for block, stored in zip(blocks, pairwise(bounds), strict=True):
        data[slice(*stored)] = block.data
        block.data = data[:0]
    indices = np.empty(n_edges, dtype=np.int32)
    indptr = np.full(n_units + 1, n_edges, dtype=np.int32)
    for (first, last), (source, target) in zip(pairwise(bounds), pairwise(layers), strict=True):
        block = blocks.pop(0)
        np.add(block.indices, target.start, out=indices[first:last], casting="unsafe")
        indptr[source.start : source.stop + 1] = block.indptr + first
    return csr_array((data, indices, indptr), (n_units, n_units))


def _names(n_layers: int) -> list[str]:
    return ["input", *(f"hidden{i}" for i in range(1, n_layers - 1)), "output"]


def _as_array(matrix: Any, name: str) -> Any:
    """A matrix of any supported type as a NumPy array or a SciPy sparse matrix, checked."""
    if sparse.issparse(matrix):
        check_sparse(matrix, name)
        return matrix
    if not hasattr(matrix, "detach"):
        return np.asarray(matrix)
    if matrix.device.type == "meta":
        raise GraphError("a meta tensor has no values: pass the weights themselves")
    tensor = matrix.detach().cpu()
    if str(matrix.layout) == "torch.strided":
        tensor = tensor.resolve_conj().resolve_neg()
    if tensor.is_floating_point() and tensor.element_size() < 4:  # bfloat16 and the like
        tensor = tensor.float()
    layout = layout_of(tensor)
    shape = tuple(tensor.shape)
    if layout == "strided":
        return tensor.numpy()
    if layout == "sparse_coo" and tensor.sparse_dim() == 2:
        indices, values = tensor._indices().numpy(), tensor._values().numpy()
        if values.ndim != 1:
            raise GraphError(
                f"{name!r} is a hybrid sparse tensor with dense axes: pass the result of "
                "to_sparse() without arguments"
            )
        check_entries(indices, values.size, shape, name)
        return sparse.coo_array((values, tuple(indices)), shape)
    if layout not in COMPRESSED:
        raise GraphError(f"tensor of layout {layout}: strided, COO, CSR, CSC or BSR is needed")
    pointer, index, values = (x.numpy() for x in parts(tensor, layout))
    if pointer.ndim != 1 or len(shape) != 2:
        raise GraphError(f"{name!r} is a batch of {layout} matrices: one matrix is needed")
    check_compressed(layout.removeprefix("sparse_"), shape, pointer, index, values, name)
    return COMPRESSED[layout]((values, index, pointer), shape)
