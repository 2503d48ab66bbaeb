"""Writing files whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

__all__ = ["replacing", "write_json"]


@contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """Open a new file that replaces `path` if the block ends without an error."""
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        with unfinished.open("xb") as file:
            yield file
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_json(path: str | Path, value: Any) -> None:
    """Write plain values as indented ASCII JSON, whole or not at all: names hold any character.

    Raises
    ------
    ValueError
        If a number is not finite.
    """
    text = json.dumps(value, indent=2, allow_nan=False)
    with replacing(path) as file:
        file.write(f"{text}\n".encode())
