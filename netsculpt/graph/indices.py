"""Checks of sparse matrices that compiled code relies on: pointers and indices within bounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import GraphError

__all__ = ["check_compressed", "check_entries", "check_sparse"]

_COMPRESSED = ("csr", "csc", "bsr")


def check_sparse(matrix: Any, name: str) -> None:
    """Raise an error if a SciPy sparse matrix stores an entry outside its shape. Cost O(E).

    SciPy checks the arrays of a matrix when it is made, and not all of them; they can be changed
    afterwards. Conversions follow them without looking: an index beyond the shape reads or writes
    foreign memory, or is lost.

    Raises
    ------
    GraphError
        If an index or a pointer is out of range, or arrays have different lengths.
    """
    if matrix.format in _COMPRESSED:
        check_compressed(matrix.format, matrix.shape, matrix.indptr, matrix.indices, matrix.data,
                         name)  # fmt: skip
    elif matrix.format == "coo":
        check_entries(matrix.coords, matrix.data.size, matrix.shape, name)
    elif matrix.format == "lil":
        for columns, values in zip(matrix.rows, matrix.data, strict=True):
            _check_range(np.asarray(columns, np.int64), matrix.shape[1], "column indices", name)
            if len(columns) != len(values):
                raise _unequal(len(columns), len(values), name)
    elif matrix.format == "dok":
        pairs = np.array([*matrix.keys()], dtype=np.int64).reshape(-1, 2)
        _check_range(pairs[:, 0], matrix.shape[0], "row indices", name)
        _check_range(pairs[:, 1], matrix.shape[1], "column indices", name)


def check_entries(
    indices: Sequence[NDArray[Any]], n_values: int, shape: Sequence[int], name: str
) -> None:
    """Raise an error if the indices of a COO matrix do not fit its shape. Cost O(E)."""
    for axis, (index, size) in enumerate(zip(indices, shape, strict=True)):
        _check_range(index, size, f"{'column' if axis else 'row'} indices", name)
        if index.size != n_values:
            raise _unequal(index.size, n_values, name)


def check_compressed(
    form: str,
    shape: tuple[int, ...],
    pointer: NDArray[Any],
    index: NDArray[Any],
    values: NDArray[Any],
    name: str,
) -> None:
    """Raise an error if the arrays of a CSR, CSC or BSR matrix do not fit its shape. Cost O(E)."""
    block = values.shape[1:] if form == "bsr" and values.ndim == 3 else (1, 1)
    n_lines, n_across = (size // max(side, 1) for size, side in zip(shape, block, strict=True))
    if form == "csc":
        n_lines, n_across = n_across, n_lines
    across, along = ("row", "columns") if form == "csc" else ("column", "rows")
    if any(size % max(side, 1) for size, side in zip(shape, block, strict=True)):
        raise GraphError(
            f"{name!r} is {list(shape)} in blocks of {list(block)}: whole blocks are needed"
        )
    if pointer.shape != (n_lines + 1,) or index.ndim != 1:
        raise GraphError(
            f"{name!r} is {list(shape)} in {form.upper()} format with {pointer.size} pointers: "
            f"{n_lines + 1} are needed, one more than its {along}"
        )
    if len(values) != index.size:
        raise _unequal(index.size, len(values), name)
    rises = bool((pointer[1:] >= pointer[:-1]).all())
    if pointer[0] != 0 or pointer[-1] != index.size or not rises:
        raise GraphError(
            f"{name!r} has pointers from {pointer[0]} to {pointer[-1]}"
            f"{'' if rises else ' that fall in between'}: they must rise from 0 to the number of "
            f"stored entries, {index.size}. Build the matrix from its entries again"
        )
    kind = "indices of block columns" if form == "bsr" else f"{across} indices"
    _check_range(index, n_across, kind, name)


def _check_range(index: NDArray[Any], size: int, what: str, name: str) -> None:
    if not index.size:
        return
    low, high = int(index.min()), int(index.max())
    if low < 0 or high >= size:
        raise GraphError(
            f"{name!r} has {what} from {low} to {high}: they count from 0 to {size - 1}. Build the "
            "matrix from its entries again, with indices of this shape"
        )


def _unequal(n_indices: int, n_values: int, name: str) -> GraphError:
    return GraphError(
        f"{name!r} has {n_indices} indices for {n_values} values: one for each is needed"
    )
