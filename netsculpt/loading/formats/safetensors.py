"""Tensors in one safetensors file."""

from __future__ import annotations

from netsculpt.files.content import Content
from netsculpt.files.safetensors import read_safetensors
from netsculpt.files.source import Source

__all__ = ["read", "sniff"]


def sniff(source: Source) -> bool:
    """Whether the file begins with a plausible header length and an opening brace."""
    length = int.from_bytes(source.head[:8], "little")
    return source.head[8:9] == b"{" and 0 < length <= source.n_bytes - 8


def read(source: Source) -> Content:
    """Tensors by name; the format does not keep the order in which they were saved."""
    value = read_safetensors(source.path, source.where)
    return Content(value, source.sha256(), ordered=False)
