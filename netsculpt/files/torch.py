"""The only caller of ``torch.load``: always with ``weights_only=True``, always onto the CPU."""

from __future__ import annotations

import io
from collections.abc import Collection
from typing import Any

from netsculpt.core.errors import FormatError, UnsafeFileError
from netsculpt.files.claims import check_pickle
from netsculpt.files.errors import file_errors
from netsculpt.files.source import Source
from netsculpt.files.stand_ins import plain, safe_names

__all__ = ["LEGACY_HEAD", "read_legacy", "read_zip"]

LEGACY_HEAD = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")  # pickle of torch's magic number
_OLDEST = (2, 10)  # earlier, weights_only could be tricked into running code


def read_zip(source: Source, inert: Collection[str]) -> Any:
    """The content of a zip file of ``torch.save``, whose pickle has been checked before.

    Objects of the classes in `inert` are left empty.
    """
    torch = _torch()
    named = source.path.suffix == ".safetensors"  # torch.load treats this ending as a format
    known = torch.serialization.safe_globals(safe_names(inert))
    with file_errors(source.where), known:
        if not (source.compressed or named):
            return plain(torch.load(source.path, weights_only=True, map_location="cpu", mmap=True))
        with source.path.open("rb") as stream:
            return plain(torch.load(stream, weights_only=True, map_location="cpu"))


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
    import torch

    major, minor = torch.__version__.split(".")[:2]
    if (int(major), int(minor)) < _OLDEST:
        raise UnsafeFileError(
            f"torch {torch.__version__} is installed: before 2.10 a crafted file could run code "
            "even if only weights are read. Install torch >= 2.10."
        )
    return torch
