"""Writing files whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from netsculpt.core.errors import OutputError

__all__ = ["appending", "replacing", "write_json"]


@contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """Open a new file that replaces `path` if the block ends without an error.

    Raises
    ------
    OutputError
        If the file cannot be written. The older one, if any, is still there.
    """
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        with _naming(path, unfinished):
            with unfinished.open("xb") as file:
                yield file
            unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def appending(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file to append to.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    path = Path(path)
    with _naming(path), path.open("ab") as file:
        yield file


@contextmanager
def _naming(path: Path, *others: Path) -> Iterator[None]:
    """Errors that name no file, as of a full disk, say which file could not be written."""
    try:
        yield
    except OSError as error:
        if error.filename is not None and Path(error.filename) not in (path, *others):
            raise  # of something that was read meanwhile
        problem = error.strerror or str(error)
        raise OutputError(f"{path} cannot be written: {problem}") from error


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
