"""Zip files of ``torch.save`` (torch >= 1.6)."""

from __future__ import annotations

import io
import zipfile

from netsculpt.core.errors import FormatError
from netsculpt.files.claims import check_pickle
from netsculpt.files.content import Content
from netsculpt.files.errors import file_errors
from netsculpt.files.source import Source
from netsculpt.files.torch import read_zip
from netsculpt.files.torch_arrays import plain_arrays

__all__ = ["read", "read_arrays", "sniff"]

_PICKLE = "/data.pkl"


def sniff(source: Source) -> bool:
    """Whether there is one pickle with the right name, and no program."""
    names = source.members
    program = any("/code/" in name or name.endswith("/constants.pkl") for name in names)
    return not program and sum(_is_pickle(name) for name in names) == 1


def read(source: Source) -> Content:
    """Read the file with torch (mapped if uncompressed) after checking what its pickle claims."""
    _, _, inert = _checked(source)
    return Content(read_zip(source, inert), source.sha256())


def read_arrays(source: Source) -> Content:
    """As `read`; if all tensors are plain, as arrays, for which torch is not imported."""
    pickled, folder, inert = _checked(source)
    value = plain_arrays(source, pickled, folder)
    return Content(read_zip(source, inert) if value is None else value, source.sha256())


def _checked(source: Source) -> tuple[bytes, str, set[str]]:
    """The pickle, the folder of the archive, and the names of classes whose objects are inert."""
    pickle_name = next(name for name in source.members if _is_pickle(name))
    folder = pickle_name.removesuffix(_PICKLE)

    def require_storage(key: str, n_bytes: int) -> None:
        member = source.members.get(f"{folder}/data/{key}")
        if member is None or member.file_size < n_bytes:
            raise FormatError(
                f"{source.where} lacks the {n_bytes} bytes of tensor data it refers to: it is cut "
                "off or forged; fetch or save it again"
            )

    with file_errors(source.where), zipfile.ZipFile(source.path) as archive:
        pickled = archive.read(pickle_name)
        damaged = archive.testzip()  # torch compares no checksums
        if damaged is not None:
            raise zipfile.BadZipFile(f"Bad CRC-32 for file {damaged!r:.80}")
    inert: set[str] = set()
    check_pickle(io.BytesIO(pickled), source, require_storage, inert)
    return pickled, folder, inert


def _is_pickle(name: str) -> bool:
    return name.replace("\\", "/").lower().endswith(_PICKLE)
