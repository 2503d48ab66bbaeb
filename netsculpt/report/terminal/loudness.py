"""How much a command prints: usually its report; if quiet, errors and paths; if verbose, all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Literal

__all__ = ["PREFIX", "Loudness", "at_loudness", "loudness"]

PREFIX: Final = "netsculpt: "  # of what is said on stderr

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
