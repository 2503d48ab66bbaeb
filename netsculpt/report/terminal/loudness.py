"""How much a command prints: usually its report; if quiet, errors and paths; if verbose, all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

__all__ = ["Loudness", "at_loudness", "loudness"]

Loudness = Literal["quiet", "usual", "verbose"]

_LOUDNESS: ContextVar[Loudness] = ContextVar("loudness", default="usual")


def loudness() -> Loudness:
    """How much is printed now."""
    return _LOUDNESS.get()


@contextmanager
def at_loudness(level: Loudness) -> Iterator[None]:
    """Print so much inside the block.

    >>> with at_loudness("quiet"):
    ...     loudness()
    'quiet'
    >>> loudness()
    'usual'
    """
    token = _LOUDNESS.set(level)
    try:
        yield
    finally:
        _LOUDNESS.reset(token)
