"""Any string in XML 1.0, and back."""

from __future__ import annotations

import re
from typing import Final
from xml.sax.saxutils import escape

__all__ = ["escaped", "unescaped"]

_ILLEGAL: Final = re.compile(r"\\|[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")
_WRITTEN: Final = re.compile(r"\\\\|\\u([0-9a-f]{4})")
_REFERENCES: Final = {'"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


def escaped(text: str) -> str:
    r"""`text` for an XML attribute or element.

    What XML 1.0 cannot hold (control characters, lone surrogates, U+FFFE, U+FFFF) becomes
    ``\uXXXX``, and a backslash two, so that `unescaped` finds the way back.

    >>> escaped('a\x00 < "b"')
    'a\\u0000 &lt; &quot;b&quot;'
    """
    return escape(_ILLEGAL.sub(_as_code, text), _REFERENCES)


def unescaped(text: str) -> str:
    r"""The string that was written, from what an XML reader reads.

    >>> unescaped("a\\u0000") == "a\x00"
    True
    """
    return _WRITTEN.sub(lambda found: chr(int(found[1], 16)) if found[1] else "\\", text)


def _as_code(found: re.Match[str]) -> str:
    return r"\\" if found[0] == "\\" else f"\\u{ord(found[0]):04x}"
