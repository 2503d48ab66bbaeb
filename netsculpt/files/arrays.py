"""Tensors of any library as NumPy arrays, or as `SparseWeight` if they are sparse.

Every size is checked before it is used in arithmetic, and sparse indices are validated.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from netsculpt.core.errors import FormatError
from netsculpt.core.layouts import COMPRESSED, layout_of, parts
from netsculpt.files.errors import file_errors, require_memory
from netsculpt.files.words import quoted, shape

__all__ = ["Array", "SparseWeight", "as_arrays", "dense", "from_bytes", "is_tensor"]

_INDEX_BYTES = 16  # for each row and column of a matrix while it is transposed
_NUMBER = re.compile(r"[<>=][biuf](1|2|4|8)")


@dataclass(frozen=True, eq=False)
class SparseWeight:
    """A weight whose stored entries are its edges, stored zeros included."""

    shape: tuple[int, ...]  # [out, in] or [out, in, height, width]
    matrix: Any  # SciPy CSR [out, in · height · width], sorted, without duplicates

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored values."""
        dtype: np.dtype[Any] = self.matrix.dtype
        return dtype


Array = NDArray[Any] | SparseWeight


def dense(array: Array) -> NDArray[Any]:
    """The array with all its entries, 0 where none is stored."""
    if isinstance(array, SparseWeight):
        full: NDArray[Any] = array.matrix.toarray().reshape(array.shape)
        return full
    return array


def is_tensor(value: object) -> bool:
    """Whether a value is a NumPy array or a torch tensor (torch itself is not imported)."""
    return isinstance(value, np.ndarray) or hasattr(value, "detach")


def as_arrays(tensors: Mapping[str, Any], *, max_bytes: int, where: str) -> dict[str, Array]:
    """Every tensor by name. Cost O(stored entries); dense float32 and float64 are not copied."""
    total = 0
    for name, tensor in tensors.items():
        total += _memory(tensor)
        claim = f"{quoted(name)} in {where} is {layout_of(tensor)} {shape(tensor.shape)}"
        require_memory(total, max_bytes, f"{claim}: the tensors up to it need {total} bytes")
    with file_errors(where):
        return {name: _as_array(name, tensor, where) for name, tensor in tensors.items()}


def from_bytes(data: Any, dtype: Any, sizes: Any, order: str) -> NDArray[Any]:
    """A numeric array over the bytes of a pickle, whose number must be exactly right."""
    if not isinstance(dtype, str) or not _NUMBER.fullmatch(dtype):
        raise ValueError("an array of something other than numbers")
    kind = np.dtype(dtype)
    if math.prod(sizes) * kind.itemsize != len(data):
        raise ValueError(f"an array of {list(sizes)} in {len(data)} bytes")
    return np.frombuffer(data, kind).reshape(sizes, order="F" if order == "F" else "C")


def _memory(tensor: Any) -> int:
    """Bytes that the entries will take as NumPy arrays, computed from what the tensor claims."""
    sizes = [int(size) for size in tensor.shape]
    claimed = _INDEX_BYTES * sum(sizes[:2])  # units cost memory even without entries
    if isinstance(tensor, np.ndarray):
        return max(math.prod(sizes) * tensor.itemsize, claimed)
    layout = layout_of(tensor)
    if layout == "strided":
        item = 4 if _is_brief(tensor) else int(tensor.element_size())
        return max(math.prod(sizes) * item, claimed)
    stored = [math.prod(map(int, x.shape)) * x.element_size() for x in _stored(tensor, layout)]
    return claimed + int(sum(stored))


def _stored(tensor: Any, layout: str) -> Iterable[Any]:
    if layout == "sparse_coo":
        return tensor._indices(), tensor._values()
    if layout in ("sparse_csr", "sparse_bsr", "sparse_csc", "sparse_bsc"):
        return parts(tensor, layout)
    return ()


def _is_brief(tensor: Any) -> bool:
    """Whether this is a floating point type that NumPy lacks, to be widened to float32."""
    return str(tensor.dtype).startswith(("torch.bfloat16", "torch.float8"))


def _as_array(name: str, tensor: Any, where: str) -> Array:
    if isinstance(tensor, np.ndarray):
        return tensor.astype(tensor.dtype.newbyteorder("="), copy=False)
    if tensor.device.type != "cpu" or tensor.is_quantized or tensor.is_complex():
        raise FormatError(
            f"{quoted(name)} in {where} is {tensor.dtype} on {tensor.device}: real numbers "
            "with data are needed. Save it as float32 (dequantize() quantised tensors first)"
        )
    tensor = tensor.detach()
    layout = layout_of(tensor)
    if layout == "strided":
        array: NDArray[Any] = (tensor.float() if _is_brief(tensor) else tensor).numpy()
        return array
    if layout == "sparse_coo":
        return _of_coo(name, tensor, where)
    if layout in COMPRESSED:
        return _of_compressed(name, tensor, layout, where)
    raise FormatError(
        f"{quoted(name)} in {where} has layout {layout}: strided, COO, CSR, CSC or BSR is needed"
    )


def _of_coo(name: str, tensor: Any, where: str) -> Array:
    import torch

    indices, values, sizes = tensor._indices(), tensor._values(), tuple(tensor.shape)
    if values.ndim != 1:
        raise FormatError(
            f"{quoted(name)} in {where} is a hybrid sparse tensor with dense axes: save the "
            "result of to_sparse() without arguments"
        )
    torch.sparse_coo_tensor(indices, values, sizes, check_invariants=True)
    if len(sizes) < 2:  # a bias or a norm's factors: a vector, never edges
        vector: NDArray[Any] = tensor.to_dense().float().numpy()
        return vector
    rows, *inner = indices.numpy()
    columns = np.ravel_multi_index(inner, sizes[1:]) if len(inner) > 1 else inner[0]
    matrix = sparse.coo_array((_numbers(values), (rows, columns)), (sizes[0], math.prod(sizes[1:])))
    return SparseWeight(sizes, _canonical(matrix))


def _of_compressed(name: str, tensor: Any, layout: str, where: str) -> SparseWeight:
    import torch

    pointer, index, values = parts(tensor, layout)
    if tensor.ndim != 2 or values.ndim > (3 if layout == "sparse_bsr" else 1):
        raise FormatError(
            f"{quoted(name)} in {where} is a batch of {layout} matrices or has dense axes: one "
            "matrix [out, in] is needed"
        )
    torch.sparse_compressed_tensor(
        pointer, index, values, tensor.shape, layout=tensor.layout, check_invariants=True
    )
    stored = _numbers(values), index.numpy(), pointer.numpy()
    sizes = tuple(tensor.shape)
    return SparseWeight(sizes, _canonical(COMPRESSED[layout](stored, sizes)))


def _numbers(values: Any) -> NDArray[Any]:
    """Values in a type that SciPy can sum."""
    wide = _is_brief(values) or str(values.dtype) == "torch.float16"
    array: NDArray[Any] = (values.float() if wide else values).numpy()
    return array


def _canonical(matrix: Any) -> Any:
    rows = matrix.tocsr()
    rows.sum_duplicates()
    return rows
