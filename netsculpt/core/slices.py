"""Long arrays a part at a time, where temporary copies of the whole would take its memory again."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["slices"]


def slices(size: int, length: int = 1 << 20) -> Iterator[slice]:
    """Slices of at most `length` that cover an array of a size.

    >>> list(slices(5, 2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    for start in range(0, size, length):
        yield slice(start, min(start + length, size))
