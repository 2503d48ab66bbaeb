"""Recognise an ONNX model by its outermost protobuf fields, without reading their contents."""

from __future__ import annotations

from typing import BinaryIO

__all__ = ["is_model"]

_VARINT, _BYTES = 0, 2  # the two of protobuf's wire types that the outermost fields of models have
_FIELDS = {
    **dict.fromkeys((1, 5), _VARINT),  # versions of the format, of the model
    **dict.fromkeys((2, 3, 4, 6), _BYTES),  # producer, its version, domain, text
    **dict.fromkeys((8, 14, 20, 25, 26), _BYTES),  # opsets, metadata, training, functions, devices
    7: _BYTES,  # the graph
}
_GRAPH, _VERSIONS = 7, {1, 8}
_MOST_FIELDS = 100_000
_LONGEST_VARINT = 10


def is_model(stream: BinaryIO, n_bytes: int) -> bool:
    """Whether the fields are those of a model with a graph, and end where the file ends."""
    seen: set[int] = set()
    for _ in range(_MOST_FIELDS):
        if stream.tell() == n_bytes:
            return _GRAPH in seen and bool(seen & _VERSIONS)
        tag = _varint(stream)
        if tag is None or _FIELDS.get(tag >> 3) != tag & 7:
            return False
        seen.add(tag >> 3)
        value = _varint(stream)
        if value is None:
            return False
        if tag & 7 == _BYTES:
            if stream.tell() + value > n_bytes:
                return False
            stream.seek(value, 1)
    return False


def _varint(stream: BinaryIO) -> int | None:
    value = 0
    for index in range(_LONGEST_VARINT):
        byte = stream.read(1)
        if not byte:
            return None
        value |= (byte[0] & 0x7F) << 7 * index
        if byte[0] < 0x80:
            return value
    return None
