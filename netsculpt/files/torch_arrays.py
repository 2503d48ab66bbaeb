"""Plain tensors of a zip file of ``torch.save`` as NumPy arrays, without torch.

To import torch takes longer than to analyse a small network. Most checkpoints are dicts of dense
tensors of common types, and those are bytes with a shape: the stack machine of
`netsculpt.files.pickles` reads the dicts, and the tensors become arrays over the mapped file.
Nothing that the pickle names is imported or called. Whatever else is in the file is left to torch.
"""

from __future__ import annotations

import io
import mmap
import struct
import sys
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import NetsculptError
from netsculpt.files.pickles import PLAIN, Constructors, Global, read_pickle
from netsculpt.files.source import Source

__all__ = ["plain_arrays"]

_DTYPES: Final = MappingProxyType(  # NumPy lacks bfloat16; complex tensors are refused later
    {
        "torch.BoolStorage": np.dtype(np.bool_),
        "torch.ByteStorage": np.dtype(np.uint8),
        "torch.CharStorage": np.dtype(np.int8),
        "torch.ShortStorage": np.dtype(np.int16),
        "torch.IntStorage": np.dtype(np.int32),
        "torch.LongStorage": np.dtype(np.int64),
        "torch.HalfStorage": np.dtype(np.float16),
        "torch.FloatStorage": np.dtype(np.float32),
        "torch.DoubleStorage": np.dtype(np.float64),
    }
)
_HEADER = struct.Struct("<26xHH")  # of a zip member: ends with the lengths of its name and its rest
_PROTOCOL = b"\x80\x02"  # of the pickles that torch writes and reads
_VERSIONS = (b"3", b"3\n")  # of the archive; the others have tensors in other places


class _NotPlainError(ValueError):
    """The file is torch's to read."""


def plain_arrays(source: Source, pickled: bytes, folder: str) -> Any:
    """The content with arrays in the place of tensors; None if not all of it is plain.

    Plain are dicts, lists, tuples, strings and numbers, and dense tensors of real numbers. Arrays
    share memory where tensors did, and changes of them do not reach the file. O(tensors).

    Parameters
    ----------
    source
        A zip file, whose checksums and whose pickle's claims have been checked.
    pickled
        The pickle in it.
    folder
        The name that all members begin with.
    """
    if not _is_ordinary(source, pickled, folder):
        return None
    try:
        with source.path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        storages = _Storages(source, memoryview(mapped), folder)
        return read_pickle(
            io.BytesIO(pickled), _CONSTRUCTORS, persistent=storages.find, where=source.where
        )
    except (NetsculptError, OSError, LookupError, ValueError, struct.error):
        return None


def _is_ordinary(source: Source, pickled: bytes, folder: str) -> bool:
    """Whether the archive is laid out as torch does it by default."""
    return (
        sys.byteorder == "little"
        and pickled.startswith(_PROTOCOL)
        and "/" not in folder
        and f"{folder}/data.pkl" in source.members
        and not source.compressed
        and all(name.startswith(f"{folder}/") for name in source.members)
    )


class _Storages:
    """The bytes of tensors, by the keys that the pickle has for them."""

    def __init__(self, source: Source, content: memoryview, folder: str) -> None:
        self.source = source
        self.content = content
        self.folder = folder
        self.known: dict[str, tuple[str, int, NDArray[Any]]] = {}
        if self.member("version").tobytes() not in _VERSIONS:
            raise _NotPlainError
        if (
            f"{folder}/byteorder" in source.members
            and self.member("byteorder").tobytes() != b"little"
        ):
            raise _NotPlainError

    def member(self, name: str) -> memoryview:
        """The bytes of an uncompressed member."""
        member = self.source.members[f"{self.folder}/{name}"]
        at = member.header_offset
        begin = at + _HEADER.size + sum(_HEADER.unpack_from(self.content, at))
        return self.content[begin : begin + member.file_size]

    def find(self, key: Any) -> NDArray[Any]:
        """The storage of a persistent id, as an array with one axis."""
        _, kind, name, _, n_items = key
        assert isinstance(kind, Global)
        if name not in self.known:
            array = np.frombuffer(self.member(f"data/{name}"), _DTYPES[kind.name], n_items)
            self.known[name] = kind.name, n_items, array
        known, n_known, array = self.known[name]
        if (known, n_known) != (kind.name, n_items) or not array.flags.aligned:
            raise _NotPlainError
        return array


def _tensor(
    storage: NDArray[Any], offset: int, size: Any, stride: Any, _grad: bool, _hooks: Any
) -> NDArray[Any]:
    """A view of a storage; NumPy raises an error if it does not fit into it."""
    item = storage.itemsize
    strides = [item * step for step in stride]
    return np.ndarray(tuple(size), storage.dtype, storage.data, item * offset, strides)


_CONSTRUCTORS: Constructors = {
    **dict.fromkeys(_DTYPES),
    **PLAIN,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": lambda data, _grad, _hooks: data,
}
