"""The only caller of ``torch.load`` and ``torch.save``.

Files are read with ``weights_only=True``, onto the CPU.
"""

from __future__ import annotations

import io
from collections.abc import Collection
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from netsculpt.core.errors import FormatError, UnsafeFileError
from netsculpt.core.extras import require
from netsculpt.core.writing import replacing
from netsculpt.files.claims import check_pickle
from netsculpt.files.errors import file_errors
from netsculpt.files.source import Source
from netsculpt.files.stand_ins import plain, safe_names

__all__ = ["LEGACY_HEAD", "read_legacy", "read_zip", "save"]

LEGACY_HEAD = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")  # pickle of torch's magic number
_OLDEST = (2, 10)  # earlier, weights_only could be tricked into running code


def save(content: Any, path: Path) -> None:
    """Write what ``torch.load`` reads, whole or not at all, without the name of the file in it.

    Raises
    ------
    OutputError
        If the file cannot be written, as on a full disk.
    """
    import torch

    with replacing(path) as file:
        stream = _Stream(file)
        try:
            torch.save(content, cast(IO[bytes], stream))
        except RuntimeError:
            if stream.error is None:
                raise
            raise stream.error from None


class _Stream(io.RawIOBase):
    """A stream that keeps the error of a failed write, in whose place torch raises another."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return self.file.write(data)
        except OSError as error:
            self.error = error
            raise


def read_zip(source: Source, inert: Collection[str]) -> Any:
    """The content of a zip file of ``torch.save``, whose pickle has been checked before.

    Objects of the classes in `inert` are left empty.
    """
    torch = _torch()
    named = source.path.suffix == ".safetensors"  # torch.load treats this ending as a format
    known = torch.serialization.safe_globals(safe_names(inert))
    with file_errors(source.where), known:
        if not (source.compressed or named or _is_odd(source.path)):
            return plain(torch.load(source.path, weights_only=True, map_location="cpu", mmap=True))
        with source.path.open("rb") as stream:
            return plain(torch.load(stream, weights_only=True, map_location="cpu"))


def _is_odd(path: Path) -> bool:
    """Whether the name is not text, which torch needs to open a file by its name."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return True
    return False


def read_legacy(content: bytes, source: Source) -> Any:
    """The content of a legacy file of ``torch.save`` (torch < 1.6), whose pickles are checked."""
    inert = _check_legacy(content, source)
    torch = _torch()
    known = torch.serialization.safe_globals(safe_names(inert))
    with file_errors(source.where), known:
        return plain(torch.load(io.BytesIO(content), weights_only=True, map_location="cpu"))


def _check_legacy(content: bytes, source: Source) -> set[str]:
    """Check the five pickles: magic number, protocol, system, object, storage keys.

    The result is the names of classes whose objects are inert.
    """
    inert: set[str] = set()
    storages: dict[str, int] = {}

    def require_storage(key: str, n_bytes: int) -> None:
        if storages.setdefault(key, n_bytes) != n_bytes:
            raise ValueError("one storage with two sizes")
        if n_bytes > len(content):
            raise FormatError(
                f"{source.where} claims a storage of {n_bytes} bytes but is itself {len(content)} "
                "bytes: it is cut off or forged; fetch or save it again"
            )

    stream = io.BytesIO(content)
    for _ in range(5):
        check_pickle(stream, source, require_storage, inert)
    return inert


def _torch() -> Any:
    require("torch", "a file of torch")
    import torch

    major, minor = torch.__version__.split(".")[:2]
    if (int(major), int(minor)) < _OLDEST:
        raise UnsafeFileError(
            f"torch {torch.__version__} is installed: before 2.10 a crafted file could run code "
            "even if only weights are read. Install torch >= 2.10."
        )
    return torch
