"""Standard streams: of any encoding, closed, or read by a program that stops early."""

from __future__ import annotations

import codecs
import os
import sys
from pathlib import Path

from netsculpt.core.spelling import spelled

__all__ = ["CLOSED_PIPE", "drop_output", "open_streams"]

CLOSED_PIPE = 141  # as a shell reports a program that SIGPIPE ended


def open_streams() -> None:
    """Make stdout and stderr such that printing fails neither for want of letters nor of a stream.

    Characters that the encoding lacks are spelled in ASCII. A stream that was closed discards what
    is printed; its number is taken, so that no file opened later gets it.
    """
    taken = os.open(os.devnull, os.O_RDWR)
    while taken <= 2:
        taken = os.open(os.devnull, os.O_RDWR)
    os.close(taken)
    codecs.register_error("netsculpt", _spelled)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="netsculpt")


def drop_output() -> None:
    """Discard what is still to be printed, after the reader of stdout has gone."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def _spelled(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(map(spelled, lost)), error.end
