"""Text from anywhere, fit for a terminal."""

from __future__ import annotations

__all__ = ["printable"]


def printable(text: str) -> str:
    r"""`text` with control characters, bidirectional marks and lone surrogates as escapes.

    >>> print(printable("fc\x1b[31m"))
    fc\x1b[31m
    """
    if text.isprintable():
        return text
    return "".join(x if x.isprintable() else _escape(x) for x in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
