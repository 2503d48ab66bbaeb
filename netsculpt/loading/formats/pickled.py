"""Plain pickles of lists and dicts of arrays or tensors, such as mask files.

They are read by a stack machine with a fixed table of constructors. Torch tensors in plain pickles
carry their storage as a legacy torch file inside the pickle; those bytes are read and checked like
a separate file.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from netsculpt.files.arrays import from_bytes
from netsculpt.files.claims import extent
from netsculpt.files.content import Content
from netsculpt.files.errors import file_errors, require_memory
from netsculpt.files.pickles import PLAIN, Constructors, read_pickle
from netsculpt.files.source import Source
from netsculpt.files.torch import LEGACY_HEAD, read_legacy
from netsculpt.files.words import byte_count, shape

__all__ = ["read", "sniff"]


def sniff(source: Source) -> bool:
    """Whether the file begins like a pickle of protocol 2 to 5 and not like a torch file."""
    head = source.head
    return (
        head[:1] == b"\x80"
        and head[1:2] in b"\x02\x03\x04\x05"
        and not head.startswith(LEGACY_HEAD)
    )


def read(source: Source) -> Content:
    """Lists, dicts, arrays and tensors; a file with anything else is refused."""
    stream = io.BytesIO(source.content())
    value = read_pickle(stream, _constructors(source), where=source.where)
    return Content(value, source.sha256())


class _DType:
    """An unfinished NumPy dtype, whose pickled state adds the byte order."""

    def __init__(self, code: str, *_: Any) -> None:
        self.code = code

    def finished(self, state: tuple[Any, ...]) -> str:
        order: str = state[1]
        return ("=" if order == "|" else order) + self.code


class _Array:
    """An unfinished NumPy array, whose pickled state holds everything."""

    def __init__(self, *_: Any) -> None:
        pass

    def finished(self, state: tuple[Any, ...]) -> NDArray[Any]:
        _, shape, dtype, fortran, data = state
        return from_bytes(data, dtype, shape, "F" if fortran else "C")


def _scalar(dtype: str, data: bytes) -> NDArray[Any]:
    return from_bytes(data, dtype, (), "C")


def _constructors(source: Source) -> Constructors:
    def tensor(stored: Any, offset: int, size: Any, stride: Any, *_: Any) -> Any:
        return _tensor(stored, offset, size, stride, source)

    return {
        **PLAIN,
        "torch.Size": tuple,
        "torch.storage._load_from_bytes": lambda data: read_legacy(data, source),
        "torch._utils._rebuild_tensor": tensor,
        "torch._utils._rebuild_tensor_v2": tensor,
        "torch._utils._rebuild_parameter": lambda data, *_: data,
        "torch._utils._rebuild_parameter_with_state": lambda data, *_: data,
        "numpy.ndarray": None,
        "numpy.dtype": _DType,
        **_numpy("multiarray._reconstruct", _Array),
        **_numpy("multiarray.scalar", _scalar),
        **_numpy("numeric._frombuffer", from_bytes),
    }


def _numpy(name: str, constructor: Any) -> Mapping[str, Any]:
    """A constructor under its names in NumPy 1 (``numpy.core``) and NumPy 2."""
    return {f"numpy.core.{name}": constructor, f"numpy._core.{name}": constructor}


def _tensor(stored: Any, offset: int, size: Any, stride: Any, source: Source) -> Any:
    import torch

    if not isinstance(stored, torch.TypedStorage | torch.UntypedStorage):
        raise TypeError("a tensor without a storage")
    with file_errors(source.where):
        dtype = stored.dtype if isinstance(stored, torch.TypedStorage) else torch.uint8
        room = stored.nbytes()
        reach = extent(offset, size, stride) * dtype.itemsize
        if reach > room:
            raise ValueError(f"a tensor of {reach} bytes in a storage of {room}")
        n_bytes = math.prod(size) * dtype.itemsize
        claim = f"{source.where} claims a tensor of {shape(size)}, {byte_count(n_bytes)}"
        require_memory(n_bytes, source.max_bytes, claim)
        raw = stored._untyped_storage if isinstance(stored, torch.TypedStorage) else stored
        return torch.empty(0, dtype=dtype).set_(raw, offset, size, stride)
