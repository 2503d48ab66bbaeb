"""One NumPy array of numbers; pickled objects are refused."""

from __future__ import annotations

from netsculpt.files.content import Content
from netsculpt.files.npy import read_npy
from netsculpt.files.source import Source

__all__ = ["read", "sniff"]


def sniff(source: Source) -> bool:
    """Whether the file begins with NumPy's magic string."""
    return source.head.startswith(b"\x93NUMPY")


def read(source: Source) -> Content:
    """The array, in a list."""
    with source.path.open("rb") as stream:
        array = read_npy(stream, source.n_bytes, source.max_bytes, source.where)
    return Content([array], source.sha256())
