"""The size of a zip file's table of contents, before the table is read."""

from __future__ import annotations

from pathlib import Path

__all__ = ["directory_bytes"]

_END, _END_BYTES = b"PK\x05\x06", 22
_END_64, _END_64_BYTES, _LOCATOR_BYTES = b"PK\x06\x06", 56, 20
_LONGEST_COMMENT = 1 << 16


def directory_bytes(path: Path) -> int:
    """Size in bytes of the table of contents that `zipfile` would read; 0 if there is none.

    Entries take about ten times as much memory, so the table is the only part of a zip file that
    needs a limit before it is parsed.
    """
    tail = _END_64_BYTES + _LOCATOR_BYTES + _END_BYTES + _LONGEST_COMMENT
    with path.open("rb") as stream:
        stream.seek(0, 2)
        stream.seek(max(stream.tell() - tail, 0))
        end = stream.read(tail)
    position = end.rfind(_END)
    if position < 0:
        return 0
    short = int.from_bytes(end[position + 12 : position + 16], "little")
    position -= _LOCATOR_BYTES + _END_64_BYTES
    if position < 0 or not end.startswith(_END_64, position):
        return short
    return max(short % 0xFFFFFFFF, int.from_bytes(end[position + 40 : position + 48], "little"))
