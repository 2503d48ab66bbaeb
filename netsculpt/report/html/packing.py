"""Arrays packed into one text that a page unpacks without a library."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["packed", "packed_bytes"]

_TYPES: Final = ("u1", "u2", "u4", "i2", "i4", "f4", "f8")  # as assets/unpack.js reads them
_LEVEL: Final = 6


def packed(about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    """JSON and arrays as base64 of one zlib stream.

    The stream holds the length of a header (4 bytes, little endian), the header (JSON: `about`, and
    for each array its name, type, length and whether differences are stored), then the arrays. Of
    each array all first bytes come first, then all second ones, …: exponents of weights and high
    bytes of indices repeat, which deflate needs. 32-bit integers are stored as differences if they
    are ascending for the most part. Cost O(bytes).

    >>> len(packed({}, {"zeros": np.zeros(100_000, np.int32)})) < 1000
    True
    """
    listed, parts = [], []
    for name, array in arrays.items():
        kind = _kind(array)
        values = np.ascontiguousarray(array.reshape(-1), dtype=f"<{kind}")
        differences = kind in ("u4", "i4") and bool(np.median(np.diff(values)) > 0)
        if differences:
            values = np.diff(values, prepend=values.dtype.type(0))
        listed.append([name, kind, int(values.size), differences])
        parts.append(values.view(np.uint8).reshape(-1, values.itemsize).T.tobytes())
    header = json.dumps({"about": about, "arrays": listed}, allow_nan=False).encode()
    return packed_bytes(b"".join([len(header).to_bytes(4, "little"), header, *parts]))


def packed_bytes(content: bytes) -> str:
    """Bytes as base64 of a zlib stream."""
    return base64.b64encode(zlib.compress(content, _LEVEL)).decode("ascii")


def _kind(array: NDArray[Any]) -> str:
    """The smallest type that holds all values exactly."""
    if array.dtype.kind == "b":
        return "u1"
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):
            single = array.astype(np.float32)
        return "f4" if np.array_equal(single, array, equal_nan=True) else "f8"
    low, high = int(array.min(initial=0)), int(array.max(initial=0))
    for kind in _TYPES[:5]:
        limits = np.iinfo(kind)
        if limits.min <= low and high <= limits.max:
            return kind
    return "f8"
