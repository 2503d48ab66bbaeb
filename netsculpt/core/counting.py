"""Counts with their nouns, as texts say them."""

from __future__ import annotations

__all__ = ["counted"]


def counted(n: int, noun: str) -> str:
    """A number with its noun, which takes an s unless there is one of it.

    >>> counted(1, "network"), counted(1200, "dense network"), counted(0, "edge")
    ('1 network', '1,200 dense networks', '0 edges')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
