"""Read tensors of an ONNX model, dense and sparse: sizes are checked before bytes are read."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netsculpt.core.errors import FormatError
from netsculpt.files.errors import require_memory
from netsculpt.files.source import Source
from netsculpt.files.words import quoted, shape
from netsculpt.loading.programs.onnx.external import External

__all__ = ["TYPES", "Tensors"]

_KINDS = {  # by TensorProto.DataType: type of the bytes, type in torch, field of the numbers
    1: ("<f4", torch.float32, "float_data"),
    2: ("|u1", torch.uint8, "int32_data"),
    3: ("|i1", torch.int8, "int32_data"),
    4: ("<u2", torch.int32, "int32_data"),  # torch has little arithmetic for uint16
    5: ("<i2", torch.int16, "int32_data"),
    6: ("<i4", torch.int32, "int32_data"),
    7: ("<i8", torch.int64, "int64_data"),
    9: ("|u1", torch.bool, "int32_data"),
    10: ("<f2", torch.float16, "int32_data"),
    11: ("<f8", torch.float64, "double_data"),
    12: ("<u4", torch.int64, "uint64_data"),
    16: ("<i2", torch.bfloat16, "int32_data"),
}
TYPES = {number: dtype for number, (_, dtype, _) in _KINDS.items()}
_BITS = {10: "<u2", 16: "<u2"}  # of 16-bit floats in the field of integers
_EXTERNAL = 1
_MOST_DIMS = 64


class Tensors:
    """Reader of the tensors of one model, whose total size is limited."""

    def __init__(self, source: Source, external: External) -> None:
        self._source, self._external = source, external
        self._n_bytes = 0

    def dense(self, proto: Any) -> Tensor:
        """A tensor of a model."""
        kind, dtype, field = self._kind(proto)
        sizes = self._sizes(proto.name, proto.dims, np.dtype(kind).itemsize)
        return _as_torch(self._flat(proto, math.prod(sizes), kind, field), dtype).reshape(sizes)

    def sparse(self, proto: Any) -> tuple[Tensor, Tensor]:
        """A sparse tensor: its values, and which entries are stored (zeros can be)."""
        name = proto.values.name
        values, indices = self.dense(proto.values), self.dense(proto.indices)
        sizes = self._sizes(name, proto.dims, values.element_size() + 1)
        wide = indices.shape == (values.numel(), len(sizes)) and len(sizes) > 0
        fitting = wide or indices.shape == values.shape
        if values.ndim != 1 or indices.dtype != torch.int64 or not fitting:
            problem = f"{shape(values.shape)} values at {shape(indices.shape)} indices"
            raise self._damaged(name, problem)
        limits = torch.tensor(sizes) if wide else torch.tensor(math.prod(sizes))
        if bool(((indices < 0) | (indices >= limits)).any()):
            raise self._damaged(name, f"indices outside of {shape(sizes)}")
        steps = [math.prod(sizes[axis + 1 :]) for axis in range(len(sizes))]
        flat = (indices * torch.tensor(steps)).sum(1) if wide else indices
        if np.unique(flat.numpy()).size != flat.numel():
            raise self._damaged(name, "an entry that is stored twice")
        value = torch.zeros(math.prod(sizes), dtype=values.dtype)
        keep = torch.zeros(value.shape, dtype=torch.bool)
        value[flat], keep[flat] = values, True
        return value.reshape(sizes), keep.reshape(sizes)

    def _kind(self, proto: Any) -> tuple[str, torch.dtype, str]:
        if proto.data_type not in _KINDS:
            raise FormatError(
                f"{quoted(proto.name)} in {self._source.where} has elements of ONNX type "
                f"{proto.data_type}: float, double, half, bfloat16, bool and integers of 8 to 64 "
                "bits are read. Export the model in float32, unquantised"
            )
        if proto.HasField("segment"):
            raise self._damaged(proto.name, "data in segments, which ONNX no longer has")
        return _KINDS[proto.data_type]

    def _sizes(self, name: str, dims: Any, itemsize: int) -> tuple[int, ...]:
        sizes = tuple(dims)
        if len(sizes) > _MOST_DIMS or any(size < 0 for size in sizes):
            raise self._damaged(name, f"the shape {shape(sizes[:8])}")
        self._n_bytes += math.prod(sizes) * itemsize
        claim = f"{quoted(name)} in {self._source.where} is {shape(sizes)}: the tensors so far need"
        require_memory(self._n_bytes, self._source.max_bytes, f"{claim} {self._n_bytes} bytes")
        return sizes

    def _flat(self, proto: Any, n: int, kind: str, field: str) -> NDArray[Any]:
        n_bytes = n * np.dtype(kind).itemsize
        if proto.data_location == _EXTERNAL:
            return self._external.data(proto, n_bytes).view(kind) if n else np.zeros(0, kind)
        if proto.HasField("raw_data"):
            if len(proto.raw_data) != n_bytes:
                raise self._short(proto, f"{len(proto.raw_data)} bytes", n_bytes)
            return np.frombuffer(proto.raw_data, kind).copy()
        numbers = getattr(proto, field)
        if len(numbers) != n:
            raise self._short(proto, f"{len(numbers)} numbers", n)
        if proto.data_type in _BITS:
            return np.array(numbers, np.int64).astype("<u2").view(kind)
        return np.array(numbers, kind if field != "int32_data" else np.int32).astype(kind)

    def _short(self, proto: Any, data: str, needed: int) -> FormatError:
        return self._damaged(proto.name, f"{data} for {shape(proto.dims)}, which needs {needed}")

    def _damaged(self, name: str, problem: str) -> FormatError:
        return FormatError(
            f"{quoted(name)} in {self._source.where} has {problem}: the file is damaged or "
            "forged; fetch or export it again"
        )


def _as_torch(array: NDArray[Any], dtype: torch.dtype) -> Tensor:
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    if native.dtype in (np.uint16, np.uint32):  # read as the next wider type
        native = native.astype(np.int32 if native.dtype == np.uint16 else np.int64)
    tensor = torch.from_numpy(native)
    return tensor.view(dtype) if dtype == torch.bfloat16 else tensor.to(dtype)
