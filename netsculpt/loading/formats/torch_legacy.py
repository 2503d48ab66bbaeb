"""Files of ``torch.save`` from before the zip format: pickles, then raw storages."""

from __future__ import annotations

from netsculpt.files.content import Content
from netsculpt.files.source import Source
from netsculpt.files.torch import LEGACY_HEAD, read_legacy

__all__ = ["read", "sniff"]


def sniff(source: Source) -> bool:
    """Whether the file begins with torch's magic number, pickled."""
    return source.head.startswith(LEGACY_HEAD)


def read(source: Source) -> Content:
    """Check what the pickles claim, then let torch read them from memory."""
    value = read_legacy(source.content(), max_bytes=source.max_bytes, where=source.where)
    return Content(value, source.sha256())
