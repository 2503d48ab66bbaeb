"""Weight agnostic networks as their search writes them (``.out``): a table of numbers as text.

One row per unit, in topological order: bias, inputs, hidden units, outputs. A row holds the weights
of the connections to each unit (0: none, NaN: disabled), then the id of the unit's activation.
"""

from __future__ import annotations

import re

from netsculpt.files.content import Content
from netsculpt.files.errors import require_memory
from netsculpt.files.source import Source
from netsculpt.loading.wann.matrix import matrix_of

__all__ = ["read", "sniff"]

_NUMBER = rb"[ \t]*[+-]?(?:[0-9.]+(?:[eE][+-]?[0-9]+)?|nan|NaN|NAN|inf|Inf)[ \t]*"
_BEGIN = re.compile(rb"\s*" + _NUMBER + rb"," + _NUMBER + rb"[,\r\n]")
_CHARACTERS = frozenset(b"0123456789.+-eE, \t\r\nnaNAifIF")
_PARSED = 4  # times as many bytes as the file has, at most, while one row is parsed


def sniff(source: Source) -> bool:
    """Whether the file begins like a table of numbers separated by commas."""
    head = source.head
    return _BEGIN.match(head) is not None and _CHARACTERS.issuperset(head)


def read(source: Source) -> Content:
    """The network's connections and activations, as a `netsculpt.loading.wann.matrix.WannMatrix`.

    Weights in such files are what the last tool wrote, so only where there are any is read.
    """
    claim = f"{source.where} needs {_PARSED * source.n_bytes} bytes"
    require_memory(_PARSED * source.n_bytes, source.max_bytes, claim)
    text = source.content().decode("ascii", errors="backslashreplace")
    return Content(matrix_of(text, source.where), source.sha256(), "wann")
