"""Escapes for any string in XML 1.0."""

from __future__ import annotations

import re
from typing import Final
from xml.sax.saxutils import escape

__all__ = ["escaped", "unescaped"]

_ILLEGAL: Final = re.compile(r"\\|[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")
_WRITTEN: Final = re.compile(r"\\\\|\\u([0-9a-f]{4})")
_REFERENCES: Final = {'"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


def escaped(text: str) -> str:
    r"""The text escaped for an XML attribute or element.

    Characters that XML 1.0 forbids (control characters, lone surrogates, U+FFFE, U+FFFF) become
    ``\uXXXX`` and a backslash becomes two, so that `unescaped` can restore the text.

    >>> escaped('a\x00 < "b"')
    'a\\u0000 &lt; &quot;b&quot;'
    """
    return escape(_ILLEGAL.sub(_as_code, text), _REFERENCES)


def unescaped(text: str) -> str:
    r"""The original text, from the text that an XML reader returns.

    >>> unescaped("a\\u0000") == "a\x00"
    True
    """
    return _WRITTEN.sub(lambda match: chr(int(match[1], 16)) if match[1] else "\\", text)


def _as_code(match: re.Match[str]) -> str:
    return r"\\" if match[0] == "\\" else f"\\u{ord(match[0]):04x}"
