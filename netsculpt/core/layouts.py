"""Compressed sparse tensors of torch as SciPy's arrays."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from scipy import sparse

__all__ = ["COMPRESSED", "layout_of", "parts"]

COMPRESSED: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "sparse_csr": sparse.csr_array,
        "sparse_csc": sparse.csc_array,
        "sparse_bsr": sparse.bsr_array,
    }
)


def layout_of(tensor: Any) -> str:
    """Layout of a tensor, such as "strided" or "sparse_csr"; arrays are strided."""
    return str(getattr(tensor, "layout", "strided")).removeprefix("torch.")


def parts(tensor: Any, layout: str) -> tuple[Any, Any, Any]:
    """Pointer, index and values of a tensor in a compressed layout."""
    if layout in ("sparse_csc", "sparse_bsc"):
        return tensor.ccol_indices(), tensor.row_indices(), tensor.values()
    return tensor.crow_indices(), tensor.col_indices(), tensor.values()
