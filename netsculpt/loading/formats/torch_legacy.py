"""Files of ``torch.save`` before torch 1.6: pickles, then raw storages."""

from __future__ import annotations

from netsculpt.files.content import Content
from netsculpt.files.source import Source
from netsculpt.files.torch import LEGACY_HEAD, read_legacy

__all__ = ["read", "sniff"]


def sniff(source: Source) -> bool:
    """Whether the file begins with torch's pickled magic number."""
    return source.head.startswith(LEGACY_HEAD)


def read(source: Source) -> Content:
    """Read the file with torch after checking what its pickles claim."""
    return Content(read_legacy(source.content(), source), source.sha256())
