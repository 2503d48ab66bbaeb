r"""A file of frames to which frames are only appended; one that was cut off at the end is ignored.

    b"netsculpt record 1\n", then frames:
    4 bytes   length of the body
    4 bytes   CRC-32 of the body
    body      kind (1 byte), number of the update (8), optimizer steps (8), content

All numbers are little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

from netsculpt.core.errors import FormatError

__all__ = ["MAGIC", "Frame", "content_of", "framed", "frames_of"]

MAGIC = b"netsculpt record 1\n"

_HEAD, _BODY = struct.Struct("<II"), struct.Struct("<cQQ")


@dataclass(frozen=True)
class Frame:
    """Where a frame is."""

    kind: bytes
    number: int  # of the last update before it; 0: none
    step: int  # of the optimizer, done before it
    start: int  # of its content, bytes from the start of the file
    stop: int


def framed(kind: bytes, number: int, step: int, parts: Iterable[bytes]) -> bytes:
    """A frame, ready to be appended."""
    body = b"".join([_BODY.pack(kind, number, step), *parts])
    return _HEAD.pack(len(body), crc32(body)) + body


def frames_of(path: Path) -> list[Frame]:
    """All whole frames of a file, each of them checked.

    Raises
    ------
    FormatError
        If it is not a record, or is damaged before its last frame.
    """
    found: list[Frame] = []
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise FormatError(f"{path} is not a record: a file that Recorder wrote is needed")
        while (start := file.tell()) < size:
            frame = _next(file)
            if frame is not None:
                found.append(frame)
            elif file.tell() >= size:
                break  # cut off while it was being appended
            else:
                after = found[-1].number if found else 0
                raise FormatError(
                    f"{path} is damaged at byte {start}, after update {after}: copy it again"
                )
    return found


def content_of(path: Path, frame: Frame) -> bytes:
    """The content of a frame."""
    with path.open("rb") as file:
        file.seek(frame.start)
        return file.read(frame.stop - frame.start)


def _next(file: BinaryIO) -> Frame | None:
    """The next frame; None if it is not whole, or its content has another checksum."""
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    length, expected = _HEAD.unpack(head)
    start = file.tell()
    body = file.read(length)
    if not _BODY.size <= length == len(body) or crc32(body) != expected:
        return None
    kind, number, step = _BODY.unpack_from(body)
    return Frame(kind, number, step, start + _BODY.size, start + length)
