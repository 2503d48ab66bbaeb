"""Individual weights of a weight agnostic network (``.wann.json``): [[weight, …], score, …]."""

from __future__ import annotations

import re

from netsculpt.files.content import Content
from netsculpt.files.source import Source
from netsculpt.loading.wann.matrix import weights_of

__all__ = ["read", "sniff"]

_BEGIN = re.compile(rb"\s*\[\s*\[\s*-?[0-9.eE+-]+\s*[,\]]")


def sniff(source: Source) -> bool:
    """Whether the file begins like JSON of a list of a list of numbers."""
    return _BEGIN.match(source.head) is not None


def read(source: Source) -> Content:
    """The weights, in the order of the edges in the network's own file."""
    return Content(weights_of(source.content(), source.where), source.sha256(), "wann weights")
