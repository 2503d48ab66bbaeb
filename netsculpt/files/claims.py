"""Checks of what a torch pickle claims, before torch reads it.

The pickle is first executed by netsculpt's own stack machine. Tensors become claims (type, sizes,
strides, storage); nothing is allocated. A claim larger than its storage or than the limit is an
error, and so is any name that plain tensors do not need, even if torch itself accepts it:
bytearrays, wrapper subclasses and quantised tensors can be used to allocate any amount of memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

from netsculpt.core.errors import FormatError
from netsculpt.files.errors import require_memory
from netsculpt.files.pickles import PLAIN, Constructors, Global, Stub, plain_key, read_pickle
from netsculpt.files.source import Source
from netsculpt.files.stand_ins import STAND_INS
from netsculpt.files.words import byte_count, shape

__all__ = ["check_pickle", "extent"]

# Names by the bytes of one item.
_STORAGES = {
    **dict.fromkeys(("torch.CharStorage", "torch.ByteStorage", "torch.BoolStorage"), 1),
    **dict.fromkeys(("torch.HalfStorage", "torch.BFloat16Storage", "torch.ShortStorage"), 2),
    **dict.fromkeys(("torch.FloatStorage", "torch.IntStorage"), 4),
    **dict.fromkeys(("torch.DoubleStorage", "torch.LongStorage", "torch.ComplexFloatStorage"), 8),
    "torch.ComplexDoubleStorage": 16,
    "torch.storage.UntypedStorage": 1,
}
_DTYPES = {
    **dict.fromkeys(("torch.int8", "torch.uint8", "torch.bool"), 1),
    **dict.fromkeys(("torch.float8_e4m3fn", "torch.float8_e5m2"), 1),
    **dict.fromkeys(("torch.float8_e4m3fnuz", "torch.float8_e5m2fnuz"), 1),
    **dict.fromkeys(("torch.float16", "torch.bfloat16", "torch.int16", "torch.uint16"), 2),
    **dict.fromkeys(("torch.float32", "torch.int32", "torch.uint32"), 4),
    **dict.fromkeys(("torch.float64", "torch.int64", "torch.uint64", "torch.complex64"), 8),
    "torch.complex128": 16,
}


@dataclass(frozen=True)
class _Storage:
    n_bytes: int
    item: int


def check_pickle(
    stream: BinaryIO,
    source: Source,
    require_storage: Callable[[str, int], None],
    inert: set[str] | None = None,
) -> Any:
    """Check one pickle of a torch file; `require_storage` raises if it lacks (key, bytes).

    Returns plain values unchanged and claims in place of tensors, so that it can also read the
    small pickles at the beginning of a legacy file. Names of classes that torch has to read as
    stubs are added to `inert`.
    """

    def storage_at(key: Any) -> _Storage:
        if not isinstance(key, tuple) or len(key) < 5 or key[0] != "storage":
            raise TypeError("a persistent id that is not a storage")
        kind, name, _, n_items = key[1:5]
        if not isinstance(kind, Global) or not isinstance(name, str):
            raise TypeError("a storage without type or name")
        item = _STORAGES[kind.name]
        n_bytes = _natural(n_items) * item
        require_storage(name, n_bytes)
        view = key[5] if len(key) > 5 else None
        if view is not None:
            offset, length = _natural(view[1]) * item, _natural(view[2]) * item
            if offset + length > n_bytes:
                raise ValueError("a view that its storage cannot hold")
            n_bytes = length
        return _Storage(n_bytes, item)

    def tensor(storage: _Storage, offset: Any, size: Any, stride: Any, *_: Any) -> str:
        return claim(storage, storage.item, offset, size, stride)

    def typed(
        storage: _Storage, offset: Any, size: Any, stride: Any, _g: Any, _h: Any, dtype: Global,
        *_: Any,
    ) -> str:  # fmt: skip
        return claim(storage, _DTYPES[dtype.name], offset, size, stride)

    def claim(storage: _Storage, item: int, offset: Any, size: Any, stride: Any) -> str:
        n_bytes = math.prod(map(_natural, size)) * item
        claimed = f"{source.where} claims a tensor of {shape(size)}"
        require_memory(n_bytes, source.max_bytes, f"{claimed}, {byte_count(n_bytes)}")
        if extent(offset, size, stride) * item > storage.n_bytes:
            raise FormatError(
                f"{claimed} in a storage of {storage.n_bytes} bytes, which cannot hold it: the "
                "file is damaged or forged; save it again"
            )
        return "tensor"

    def subclassed(function: Global, _type: Any, arguments: tuple[Any, ...], _state: Any) -> Any:
        return allowed[function.name](*arguments)  # type: ignore[misc]

    allowed: Constructors = {
        **dict.fromkeys(_STORAGES),
        **dict.fromkeys(_DTYPES),
        **dict.fromkeys(("torch.Tensor", "torch.nn.parameter.Parameter")),
        **dict.fromkeys(("torch._tensor.Tensor", "torch.nn.Parameter")),
        **PLAIN,
        "collections.Counter": PLAIN["collections.OrderedDict"],
        "builtins.set": _set,
        "torch.device": lambda *_: "device",
        "torch.Size": tuple,
        "torch.serialization._get_layout": lambda name: name,
        "torch._utils._rebuild_tensor": tensor,
        "torch._utils._rebuild_tensor_v2": tensor,
        "torch._utils._rebuild_tensor_v3": typed,
        "torch._utils._rebuild_parameter": lambda data, *_: data,
        "torch._utils._rebuild_parameter_with_state": lambda data, *_: data,
        "torch._utils._rebuild_sparse_tensor": lambda *_: "tensor",
        "torch._tensor._rebuild_from_type_v2": subclassed,
        **dict.fromkeys(STAND_INS, lambda *_: Stub("an object of NumPy or a namespace")),
        "collections.defaultdict": lambda *_: {},
        "numpy.ndarray": None,
    }
    return read_pickle(stream, allowed, persistent=storage_at, inert=inert, where=source.where)


def extent(offset: Any, size: Any, stride: Any) -> int:
    """Number of items of its storage that a tensor spans."""
    sizes, strides = list(map(_natural, size)), list(map(_natural, stride))
    if len(sizes) != len(strides):
        raise ValueError(f"{len(sizes)} sizes with {len(strides)} strides")
    if 0 in sizes:
        return _natural(offset)
    steps = ((n - 1) * step for n, step in zip(sizes, strides, strict=True))
    return _natural(offset) + sum(steps) + 1


def _natural(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise ValueError(f"a size of {value!r:.40}")
    return value


def _set(items: Any = ()) -> list[Any]:
    return [plain_key(item) for item in items]
