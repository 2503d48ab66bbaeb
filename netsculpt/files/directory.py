"""How long a zip file says that its table of contents is, before anybody reads it whole."""

from __future__ import annotations

from pathlib import Path

__all__ = ["directory_bytes"]

_END, _END_BYTES = b"PK\x05\x06", 22
_END_64, _END_64_BYTES, _LOCATOR_BYTES = b"PK\x06\x06", 56, 20
_LONGEST_COMMENT = 1 << 16


def directory_bytes(path: Path) -> int:
    """Bytes of the table of contents, as `zipfile` finds them; 0 where there is none.

    An entry becomes some ten times as large in memory, so that the table is the one part of a
    zip file that needs a limit before it is parsed.
    """
    tail = _END_64_BYTES + _LOCATOR_BYTES + _END_BYTES + _LONGEST_COMMENT
    with path.open("rb") as stream:
        stream.seek(0, 2)
        stream.seek(max(stream.tell() - tail, 0))
        end = stream.read(tail)
    at = end.rfind(_END)
    if at < 0:
        return 0
    short = int.from_bytes(end[at + 12 : at + 16], "little")
    at -= _LOCATOR_BYTES + _END_64_BYTES
    if at < 0 or not end.startswith(_END_64, at):
        return short
    return max(short % 0xFFFFFFFF, int.from_bytes(end[at + 40 : at + 48], "little"))
