"""Writing files whole or not at all."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from netsculpt.core.errors import FormatError, OutputError

__all__ = ["append", "is_unfinished", "remove_log", "remove_unfinished", "replacing", "write_json"]

_UNFINISHED = re.compile(r"\.(.+)\.[0-9a-f]{32}\.part")


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


def append(path: Path, content: bytes) -> None:
    """Append to a file, which is made if it is missing.

    Raises
    ------
    FormatError
        If it is a link: another file would change.
    OutputError
        If it cannot be written.
    """
    if path.is_symlink():
        raise FormatError(f"{path} is a link, which is not followed: remove it, or write elsewhere")
    with _naming(path), path.open("ab") as file:
        file.write(content)


def remove_log(path: Path) -> None:
    """Remove a file that `append` made; a link is left alone, and refused at the next line."""
    if not path.is_symlink():
        path.unlink(missing_ok=True)


def is_unfinished(name: str) -> bool:
    """Whether a file has the name that `replacing` gives to files until they are whole."""
    return _UNFINISHED.fullmatch(name) is not None


def remove_unfinished(path: Path) -> None:
    """Remove what `replacing` has left of a file, or in a folder, when its process was killed.

    Only for the process that holds the lock: others cannot know that nothing is being written.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("a.pt", f".a.pt.{uuid4().hex}.part", ".mine.part"):
    ...     folder.joinpath(name).touch()
    >>> remove_unfinished(folder)
    >>> sorted(file.name for file in folder.iterdir())
    ['.mine.part', 'a.pt']
    """
    if path.is_dir():
        files = [Path(root) / name for root, _, names in os.walk(path) for name in names]
    else:
        files = list(path.parent.glob(".*.part"))
    for file in files:
        matched = _UNFINISHED.fullmatch(file.name)
        if matched and (path.is_dir() or matched[1] == path.name):
            file.unlink(missing_ok=True)


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
