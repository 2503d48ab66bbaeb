"""NumPy arrays of numbers in a zip file; pickled objects are refused."""

from __future__ import annotations

import zipfile

from netsculpt.files.content import Content
from netsculpt.files.errors import file_errors
from netsculpt.files.npy import read_npy
from netsculpt.files.source import Source

__all__ = ["read", "sniff"]


def sniff(source: Source) -> bool:
    """Whether the zip file contains only arrays."""
    return bool(source.members) and all(name.endswith(".npy") for name in source.members)


def read(source: Source) -> Content:
    """Arrays by name, or a list if ``numpy.savez`` was called without names."""
    arrays = {}
    with file_errors(source.where), zipfile.ZipFile(source.path) as archive:
        for name, member in source.members.items():
            with archive.open(member) as stream:
                array = read_npy(stream, member.file_size, source.max_bytes, source.where)
            arrays[name.removesuffix(".npy")] = array
    numbered = list(arrays) == [f"arr_{i}" for i in range(len(arrays))]
    return Content(list(arrays.values()) if numbered else arrays, source.sha256())
