"""Zip files of ``torch.save`` (torch >= 1.6)."""

from __future__ import annotations

import io
import zipfile

from netsculpt.core.errors import FormatError
from netsculpt.files.claims import check_pickle
from netsculpt.files.content import Content
from netsculpt.files.source import Source
from netsculpt.files.torch import read_zip, translated

__all__ = ["read", "sniff"]

_PICKLE = "/data.pkl"


def sniff(source: Source) -> bool:
    """Whether there is one pickle of the right name and no program beside it."""
    names = source.members
    program = any("/code/" in name or name.endswith("/constants.pkl") for name in names)
    return not program and sum(_is_pickle(name) for name in names) == 1


def read(source: Source) -> Content:
    """Check what the pickle claims, then let torch read it (mapped, where it is not packed)."""
    pickle_name = next(name for name in source.members if _is_pickle(name))
    folder = pickle_name.removesuffix(_PICKLE)

    def held(key: str, n_bytes: int) -> None:
        member = source.members.get(f"{folder}/data/{key}")
        if member is None or member.file_size < n_bytes:
            raise FormatError(
                f"{source.where} lacks the {n_bytes} bytes of tensor data it refers to: it is cut "
                "off or made up; fetch or save it again"
            )

    with translated(source.where), zipfile.ZipFile(source.path) as archive:
        pickled = archive.read(pickle_name)
    check_pickle(io.BytesIO(pickled), held=held, max_bytes=source.max_bytes, where=source.where)
    value = read_zip(source.path, mmap=not source.compressed, where=source.where)
    return Content(value, source.sha256())


def _is_pickle(name: str) -> bool:
    return name.replace("\\", "/").lower().endswith(_PICKLE)
