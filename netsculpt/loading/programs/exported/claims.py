"""The claims of an exported program's tables about its tensors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from netsculpt.core.errors import FormatError, UnsafeFileError
from netsculpt.files.claims import extent
from netsculpt.files.words import quoted
from netsculpt.loading.programs.exported.fields import field, name_in, size_in

__all__ = ["DTYPES", "Claim", "claim"]

DTYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    9: torch.complex32,
    10: torch.complex64,
    11: torch.complex128,
    12: torch.bool,
    13: torch.bfloat16,
    28: torch.uint16,
    29: torch.float8_e4m3fn,
    30: torch.float8_e5m2,
    31: torch.float8_e4m3fnuz,
    32: torch.float8_e5m2fnuz,
    34: torch.uint32,
    35: torch.uint64,
}  # by torch's numbers in such files
_STRIDED = 7


@dataclass(frozen=True)
class Claim:
    """The claim of a table about a tensor; equal for all names of one tensor."""

    path: str  # of the member with its data
    dtype: torch.dtype
    size: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int  # in elements
    is_parameter: bool
    trained: bool  # whether it requires a gradient

    @property
    def n_bytes(self) -> int:
        """Bytes of all elements, each stored once."""
        return math.prod(self.size) * self.dtype.itemsize

    @property
    def reach(self) -> int:
        """Bytes that its member needs to have."""
        return extent(self.offset, self.size, self.stride) * self.dtype.itemsize


def claim(name: str, folder: str, entry: Any, where: str) -> Claim:
    """The claim in an entry of a table, which must be a plain dense tensor."""
    if field(entry, "use_pickle", bool):
        raise UnsafeFileError(
            f"{where} holds {quoted(name)} as a pickled object (a tensor subclass or a "
            "custom class), and netsculpt reads plain tensors only: export the program with "
            "plain tensors, or save torch.save(model.state_dict(), 'weights.pt')"
        )
    if not name.isprintable():
        raise ValueError("a tensor without a printable name")
    meta = field(entry, "tensor_meta", dict)
    kind, layout = field(meta, "dtype", int), field(meta, "layout", int)
    if kind not in DTYPES or layout != _STRIDED:
        raise FormatError(
            f"{quoted(name)} in {where} is of type {kind} and layout {layout} (torch's "
            "numbers): a dense tensor of plain numbers is needed. Export the program with "
            "such tensors"
        )
    return Claim(
        path=f"{folder}/{name_in(entry, 'path_name')}",
        dtype=DTYPES[kind],
        size=tuple(map(size_in, field(meta, "sizes", list))),
        stride=tuple(map(size_in, field(meta, "strides", list))),
        offset=size_in(field(meta, "storage_offset", dict)),
        is_parameter=field(entry, "is_param", bool),
        trained=field(meta, "requires_grad", bool),
    )
