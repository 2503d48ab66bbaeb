"""Attribution graphs in JSON (circuit-tracer, Neuronpedia), as text or packed by gzip."""

from __future__ import annotations

import re

from netsculpt.files.content import Content
from netsculpt.files.json_stream import begins_json
from netsculpt.files.source import Source
from netsculpt.loading.attribution.parsed import parsed
from netsculpt.loading.formats import safetensors_index

__all__ = ["read", "sniff"]

_BEGIN = re.compile(rb'\s*\{\s*"(metadata|qParams|nodes|links)"\s*:')


def sniff(source: Source) -> bool:
    """Whether the file begins like a JSON object with a key of such graphs, and is no index."""
    begins = _BEGIN.match(begins_json(source)) is not None
    return begins and not safetensors_index.sniff(source)


def read(source: Source) -> Content:
    """The nodes and links, as a `netsculpt.loading.attribution.parsed.Parsed`."""
    return Content(parsed(source), source.sha256(), "attribution")
