"""What the frames of a record hold: its head, masks, changes of masks, weights.

H   JSON: the shapes of the weights, and the sparse training
K   masks: for each weight, the number of what is kept, and the set
U   change: for each weight, the numbers of what goes and of what comes, and the two sets
W   weights: for each weight, the kept values as float32
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import FormatError
from netsculpt.training.dynamic.record.ascending import packed, unpacked
from netsculpt.training.dynamic.record.kept import Indices, packed_change, unpacked_change

__all__ = [
    "CHANGE",
    "HEAD",
    "KEPT",
    "VALUES",
    "Shapes",
    "head_of",
    "packed_changes",
    "packed_head",
    "packed_kept",
    "packed_values",
    "unpacked_changes",
    "unpacked_kept",
    "unpacked_values",
]

HEAD, KEPT, CHANGE, VALUES = b"H", b"K", b"U", b"W"

Shapes = Mapping[str, tuple[int, ...]]

_COUNT = struct.Struct("<QI")  # elements of a set, bytes that they take
_MOST = 1 << 33  # weights


def packed_head(shapes: Shapes, about: Mapping[str, Any]) -> list[bytes]:
    """The head: shapes by name, in order, and what the sparse training says of itself."""
    content = {"weights": [[name, list(shape)] for name, shape in shapes.items()], "about": about}
    return [json.dumps(content, allow_nan=False).encode()]


def head_of(content: bytes) -> tuple[Shapes, dict[str, Any]]:
    """Shapes, and what the sparse training says of itself."""
    try:
        head = json.loads(content)
        shapes = {str(name): tuple(map(int, shape)) for name, shape in head["weights"]}
        about = dict(head["about"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise FormatError(f"its head is not one of a record ({error!s:.100})") from None
    if any(min(shape, default=1) < 0 for shape in shapes.values()):
        raise FormatError("it has weights of negative size")
    if sum(prod(shape) for shape in shapes.values()) > _MOST:
        raise FormatError(f"it has more than {_MOST} weights")
    return shapes, about


def packed_kept(kept: Mapping[str, Indices], shapes: Shapes) -> list[bytes]:
    """All masks."""
    return [
        part
        for name, shape in shapes.items()
        for part in _counted(packed(kept[name], prod(shape)), len(kept[name]))
    ]


def unpacked_kept(content: bytes, shapes: Shapes) -> dict[str, Indices]:
    """All masks."""
    parts = _parts(content, len(shapes))
    return {
        name: unpacked(*part, prod(shape))
        for (name, shape), part in zip(shapes.items(), parts, strict=True)
    }


def packed_changes(
    kept: Mapping[str, Indices],
    dropped: Mapping[str, Indices],
    grown: Mapping[str, Indices],
    shapes: Shapes,
) -> list[bytes]:
    """What an update changes of the masks `kept`."""
    parts: list[bytes] = []
    for name, shape in shapes.items():
        gone, came = packed_change(kept[name], dropped[name], grown[name], prod(shape))
        parts += _counted(gone, len(dropped[name])) + _counted(came, len(grown[name]))
    return parts


def unpacked_changes(
    content: bytes, kept: Mapping[str, Indices], shapes: Shapes
) -> dict[str, tuple[Indices, Indices]]:
    """What goes and what comes, by weight."""
    parts = iter(_parts(content, 2 * len(shapes)))
    return {
        name: unpacked_change(kept[name], next(parts), next(parts), prod(shape))
        for name, shape in shapes.items()
    }


def packed_values(values: Mapping[str, NDArray[np.float32]], shapes: Shapes) -> list[bytes]:
    """The kept values, in the order of their indices."""
    return [values[name].astype("<f4").tobytes() for name in shapes]


def unpacked_values(
    content: bytes, kept: Mapping[str, Indices], shapes: Shapes
) -> dict[str, NDArray[np.float32]]:
    """Weights, 0 where nothing is kept."""
    values = np.frombuffer(content, "<f4") if len(content) % 4 == 0 else np.zeros(0)
    counts = [len(kept[name]) for name in shapes]
    if len(values) != sum(counts):
        raise FormatError(f"{len(content)} bytes for {sum(counts)} weights")
    weights = {}
    for (name, shape), own in zip(
        shapes.items(), np.split(values, np.cumsum(counts)[:-1]), strict=True
    ):
        flat = np.zeros(prod(shape), dtype=np.float32)
        flat[kept[name]] = own
        weights[name] = flat.reshape(shape)
    return weights


def _counted(content: bytes, n: int) -> list[bytes]:
    return [_COUNT.pack(n, len(content)), content]


def _parts(content: bytes, n_parts: int) -> Sequence[tuple[bytes, int]]:
    """Sets with their numbers of elements."""
    parts = list(_split(content))
    if len(parts) != n_parts:
        raise FormatError(f"{len(parts)} sets in place of {n_parts}")
    return parts


def _split(content: bytes) -> Iterator[tuple[bytes, int]]:
    at = 0
    while at < len(content):
        if len(content) - at < _COUNT.size:
            raise FormatError("a set is cut off")
        n, length = _COUNT.unpack_from(content, at)
        at += _COUNT.size + length
        if at > len(content):
            raise FormatError("a set is cut off")
        yield content[at - length : at], n
