"""The only caller of ``torch.load``: always with ``weights_only=True``, always onto the CPU."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from netsculpt.core.errors import FormatError, LimitError, NetsculptError, UnsafeFileError
from netsculpt.files.claims import check_pickle
from netsculpt.files.words import shown

__all__ = ["LEGACY_HEAD", "read_legacy", "read_zip", "translated"]

LEGACY_HEAD = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")  # pickle of torch's magic number
_OLDEST = (2, 10)  # earlier, weights_only could be tricked into running code
_REMEDY = "Save it again with torch.save and its defaults, or as safetensors"


def read_zip(path: Path, *, mmap: bool, where: str) -> Any:
    """The content of a zip file of ``torch.save``, whose pickle has been checked before."""
    torch = _torch()
    with translated(where):
        if mmap and path.suffix != ".safetensors":  # torch.load treats this ending as a format
            return torch.load(path, weights_only=True, map_location="cpu", mmap=True)
        with path.open("rb") as stream:
            return torch.load(stream, weights_only=True, map_location="cpu")


def read_legacy(content: bytes, *, max_bytes: int, where: str) -> Any:
    """The content of a legacy file of ``torch.save`` (torch < 1.6), whose pickles are checked."""
    _check_legacy(content, max_bytes=max_bytes, where=where)
    torch = _torch()
    with translated(where):
        return torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")


@contextmanager
def translated(where: str, remedy: str = _REMEDY) -> Iterator[None]:
    """Turn any error inside into one about the file, with a remedy; silence warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except NetsculptError:
            raise
        except MemoryError:
            raise LimitError(
                f"{where} needs more memory than there is: it is a decompression bomb, or this "
                "machine is too small for it"
            ) from None
        except Exception as error:
            reason = shown(str(error).strip().partition("\n")[0] or type(error).__name__)
            raise FormatError(
                f"{where} cannot be read ({reason}): it is damaged or was written in an unusual "
                f"way. {remedy}."
            ) from None


def _check_legacy(content: bytes, *, max_bytes: int, where: str) -> None:
    """Check the five pickles: magic number, protocol, system, object, storage keys."""
    storages: dict[str, int] = {}

    def require_storage(key: str, n_bytes: int) -> None:
        if storages.setdefault(key, n_bytes) != n_bytes:
            raise ValueError("one storage with two sizes")
        if n_bytes > len(content):
            raise FormatError(
                f"{where} claims a storage of {n_bytes} bytes but is itself {len(content)} bytes: "
                "it is cut off or forged; fetch or save it again"
            )

    stream = io.BytesIO(content)
    for _ in range(5):
        check_pickle(stream, require_storage=require_storage, max_bytes=max_bytes, where=where)


def _torch() -> Any:
    import torch

    major, minor = torch.__version__.split(".")[:2]
    if (int(major), int(minor)) < _OLDEST:
        raise UnsafeFileError(
            f"torch {torch.__version__} is installed: before 2.10 a crafted file could run code "
            "even if only weights are read. Install torch >= 2.10."
        )
    return torch
