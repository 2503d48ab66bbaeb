"""netsculpt's own graph files: a zip file of arrays with a member ``netsculpt.json``."""

from __future__ import annotations

from netsculpt.files.content import Content
from netsculpt.files.source import Source

__all__ = ["read", "sniff"]


def sniff(source: Source) -> bool:
    """Whether the zip file has the member that only graphs have."""
    return "netsculpt.json" in source.members


def read(source: Source) -> Content:
    """The graph itself."""
    from netsculpt.graph.npz import load_graph

    return Content(load_graph(source.path, max_bytes=source.max_bytes), source.sha256())
