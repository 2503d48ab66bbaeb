"""Arrays as a graph stores them: of the right types and sizes, checked, read-only."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.core.errors import GraphError, LimitError
from netsculpt.core.slices import slices
from netsculpt.graph.indices import check_compressed

_INT32_MAX: Final = np.iinfo(np.int32).max


def float_type(dtype: np.dtype[Any]) -> type[np.floating]:
    """Type in which weights are stored: float64 for float64, float32 for all other real numbers."""
    if dtype.kind not in "biuf":
        raise GraphError(f"weights are {dtype}: real numbers are needed")
    return np.float64 if dtype == np.float64 else np.float32


def frozen_csr(matrix: csr_array, n_units: int) -> csr_array:
    """Weights [U, U] as a graph has them; raises if edges do not lead to later units."""
    if matrix.shape != (n_units, n_units):
        raise GraphError(f"weights are {list(matrix.shape)}, the layers have {n_units} units")
    if matrix.nnz > _INT32_MAX:
        raise LimitError(f"{matrix.nnz} edges found: at most {_INT32_MAX} are indexed (int32)")
    data = read_only(matrix.data.astype(float_type(matrix.dtype), copy=False))
    indices = read_only(matrix.indices.astype(np.int32, copy=False))
    indptr = read_only(matrix.indptr.astype(np.int32, copy=False))
    check_compressed("csr", matrix.shape, indptr, indices, data, "weights")
    weights = csr_array((data, indices, indptr), matrix.shape)  # new: no flag is trusted
    if not weights.has_canonical_format:
        raise GraphError("weights with unsorted or repeated entries: sort and sum them first")
    if not all(np.isfinite(data[part]).all() for part in slices(data.size)):
        raise GraphError("weights with NaN or infinite entries: drop those edges first")
    filled = np.flatnonzero(np.diff(indptr))
    if (indices[indptr[filled]] <= filled).any():
        raise GraphError("weights are not strictly upper triangular: order units by layer")
    return weights


def frozen(array: NDArray[Any], dtype: type | None, size: int, name: str) -> NDArray[Any]:
    """A column of this size, of its own type if `dtype` is None."""
    if array.shape != (size,):
        raise GraphError(f"{name} has shape {list(array.shape)}, [{size}] needed")
    return read_only(array.astype(dtype or array.dtype, copy=False))


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """A view that nobody can write to."""
    view = array.view()
    view.flags.writeable = False
    return view
