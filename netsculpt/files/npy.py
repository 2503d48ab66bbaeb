"""Arrays in NumPy's format, whose headers are checked before their data are read."""

from __future__ import annotations

import math
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import FormatError, UnsafeFileError
from netsculpt.files.errors import file_errors, require_memory
from netsculpt.files.words import byte_count, shape

__all__ = ["npy_data", "npy_header", "read_npy"]

_LONGEST_HEADER = 10_000


def read_npy(stream: IO[bytes], n_bytes: int, max_bytes: int, where: str) -> NDArray[Any]:
    """The array of numbers in `stream`, which holds `n_bytes` in total."""
    with file_errors(where):
        sizes, dtype = npy_header(stream)
        _check(sizes, dtype, n_bytes, max_bytes, where)
        return npy_data(stream)


def npy_header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type that an array claims to have; the stream then stands where its data begin.

    Raises
    ------
    ValueError
        If the header is damaged or too long.
    """
    version = np.lib.format.read_magic(stream)
    headers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in headers:
        raise ValueError(f"array format {version}")
    sizes, _, dtype = headers[version](stream, max_header_size=_LONGEST_HEADER)
    return sizes, dtype


def npy_data(stream: IO[bytes]) -> NDArray[Any]:
    """The array in `stream`, once its header has been checked."""
    stream.seek(0)
    array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
    return array


def _check(
    sizes: tuple[int, ...], dtype: np.dtype[Any], n_bytes: int, max_bytes: int, where: str
) -> None:
    if dtype.hasobject:
        raise UnsafeFileError(
            f"{where} holds Python objects in an array: reading them would run code named in the "
            "file. Save numbers: numpy.save(path, array.astype('float32'), allow_pickle=False)"
        )
    if dtype.kind not in "biuf":
        raise FormatError(f"{where} holds an array of {dtype}: an array of numbers is needed")
    if min(sizes, default=0) < 0:
        raise ValueError(f"an array of {shape(sizes)}")
    needed = math.prod(sizes) * dtype.itemsize
    claim = f"{where} claims an array of {shape(sizes)}, {byte_count(needed)}"
    require_memory(needed, max_bytes, claim)
    if needed > n_bytes:
        raise FormatError(
            f"{where} claims an array of {shape(sizes)} but is itself {n_bytes} bytes: it is cut "
            "off or forged; save it again"
        )
