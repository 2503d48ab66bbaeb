"""Characters spelled in ASCII, for terminals and files that have no others."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["spelled"]

_PLAIN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "→": "->",
        "←": "<-",
        "↔": "<->",
        "–": "-",
        "—": "-",
        "−": "-",
        "×": "x",
        "·": "-",
        "•": "*",
        "±": "+-",
        "≤": "<=",
        "≥": ">=",
        "≈": "~",
        "≠": "!=",
        "√": "sqrt",
        "∞": "inf",
        "‖": "||",
        "“": '"',
        "”": '"',
        "‘": "'",
        "’": "'",
        "⟲": "loop",
        "✓": "yes",
        "✗": "no",
    }
)


def spelled(character: str) -> str:
    """Spell one character in ASCII; what has no spelling becomes a question mark.

    >>> [spelled(x) for x in "Δé…→"]
    ['Delta', 'e', '...', '->']
    """
    name = unicodedata.name(character, "")
    if name.startswith("GREEK"):
        letter = name.rpartition(" ")[2]
        return letter.capitalize() if "CAPITAL" in name else letter.lower()
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return _PLAIN.get(character, plain or "?")
