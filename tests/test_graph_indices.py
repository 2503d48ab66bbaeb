"""Sparse matrices whose arrays do not fit their shape are refused, in every format."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse

from netsculpt import from_matrices
from netsculpt.core.errors import GraphError

pytestmark = pytest.mark.filterwarnings("ignore:Sparse")

SHAPE = (6, 5)
DENSE = sparse.random_array(SHAPE, density=0.5, rng=0).toarray()


def of_scipy(form: str, index: int) -> Any:
    """A matrix of which one index was overwritten."""
    matrix = sparse.csr_array(DENSE).asformat(form).copy()
    if form == "coo":
        matrix.coords[1][0] = index
    elif form == "lil":
        matrix.rows[1][0] = index
    elif form == "dok":
        matrix._dict[0, index] = 1.0  # as no public way lets it through
    else:
        matrix.indices[0] = index
    return matrix


def of_torch(layout: str, index: int) -> torch.Tensor:
    dense = torch.from_numpy(DENSE)
    if layout == "coo":
        tensor = dense.to_sparse()
        tensor._indices()[0, 0] = index
        return tensor
    blocksize = (2, 1) if layout == "bsr" else None
    tensor = dense.to_sparse(layout=getattr(torch, f"sparse_{layout}"), blocksize=blocksize)
    indices = tensor.row_indices() if layout == "csc" else tensor.col_indices()
    indices[0] = index
    return tensor


@pytest.mark.parametrize("index", [10**6, 9, -1])
@pytest.mark.parametrize("form", ["csr", "csc", "bsr", "coo", "lil", "dok"])
def test_scipy_indices(form: str, index: int) -> None:
    with pytest.raises(GraphError, match=rf"'W1' has .*indices.* {index}.*they count from 0 to"):
        from_matrices([of_scipy(form, index)])
    with pytest.raises(GraphError, match=f"'mask of W1' has .*indices.* {index}"):
        from_matrices([np.ones(SHAPE)], [of_scipy(form, index)])


@pytest.mark.parametrize("index", [10**6, 9, -1])
@pytest.mark.parametrize("layout", ["csr", "csc", "bsr", "coo"])
def test_torch_indices(layout: str, index: int) -> None:
    with pytest.raises(GraphError, match=rf"'W1' has .*indices.* {index}.*they count from 0 to"):
        from_matrices([of_torch(layout, index)])


@pytest.mark.parametrize("form", ["csr", "csc", "bsr"])
def test_pointers(form: str) -> None:
    for place, value in ((2, 10**6), (-1, 10**6), (0, 1), (3, -4)):
        matrix = sparse.csr_array(DENSE).asformat(form)
        matrix.indptr[place] = value
        with pytest.raises(GraphError, match=r"pointers .* must rise from 0"):
            from_matrices([matrix])
    matrix = sparse.csr_array(DENSE).asformat(form)
    matrix.indptr = matrix.indptr[:-1]
    with pytest.raises(GraphError, match=r"pointers: .* are needed, one more than"):
        from_matrices([matrix])


def test_values_without_indices() -> None:
    for form in ("csr", "coo", "lil"):
        matrix = sparse.csr_array(DENSE).asformat(form)
        if form == "coo":
            matrix.coords = tuple(x[:-1] for x in matrix.coords)
        elif form == "lil":
            matrix.data[0] = matrix.data[0][:-1]
        else:
            matrix.data = matrix.data[:-1]
        with pytest.raises(GraphError, match=r"indices for .* values: one for each"):
            from_matrices([matrix])


def test_sparse_tensors_of_other_shapes() -> None:
    hybrid = torch.ones(3, 2, 4).to_sparse(sparse_dim=2)
    with pytest.raises(GraphError, match="hybrid sparse tensor"):
        from_matrices([hybrid])
    batch = torch.ones(2, 3, 4).to_sparse_csr()
    with pytest.raises(GraphError, match=r"batch of sparse_csr matrices|a matrix \[out, in\]"):
        from_matrices([batch])


@pytest.mark.parametrize("index", [10**6, 9, -1])
def test_a_graphs_own_matrix(index: int) -> None:
    graph = from_matrices([np.ones((2, 2))])
    weights = graph.weights.copy()
    indices = weights.indices.copy()
    indices[0] = index
    weights.indices = indices
    with pytest.raises(GraphError, match=f"'weights' has column indices .* {index}"):
        dataclasses.replace(graph, weights=weights)


@pytest.mark.parametrize("form", ["csr", "csc", "bsr", "coo", "lil", "dok", "dia"])
def test_sound_matrices_pass(form: str) -> None:
    graph = from_matrices([sparse.csr_array(DENSE).asformat(form)])
    np.testing.assert_array_equal(graph.block("input", "output").toarray(), DENSE.T.astype("f8"))
