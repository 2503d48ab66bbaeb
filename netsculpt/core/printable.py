"""Text from any source, made safe for a terminal."""

from __future__ import annotations

__all__ = ["printable"]


def printable(text: str) -> str:
    r"""Escape control characters, bidirectional marks and lone surrogates in `text`.

    >>> print(printable("fc\x1b[31m"))
    fc\x1b[31m
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
