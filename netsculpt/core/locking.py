"""One run at a time writes to a folder or file."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from netsculpt.core.errors import BusyError
from netsculpt.core.printable import printable
from netsculpt.core.writing import remove_unfinished

__all__ = ["LOCK", "held", "locked"]

LOCK = ".lock"  # in a folder; of a file: .NAME.lock next to it

_PATIENCE = 1.0  # seconds: workers of a run that was killed end within a fraction of it
_LONGEST = 4096  # bytes that are read about the holder


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a folder, or a file that may not exist yet, during the block.

    As `locked`; and what interrupted writes have left (``.part``) is removed, since nobody else
    is writing.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with held(folder):
    ...     [path.name for path in folder.iterdir()]
    ['.lock']
    >>> list(folder.iterdir())
    []
    """
    with locked(path):
        remove_unfinished(path)
        yield


@contextmanager
def locked(path: Path, *, patience: float | None = None) -> Iterator[None]:
    """Keep everybody else who locks a folder or file out of it during the block.

    The operating system ends the lock of a process that dies.

    Parameters
    ----------
    patience
        Seconds to wait for whoever holds it; default: 1.

    Raises
    ------
    BusyError
        If another process, or another run in this one, holds it; the text says which.
    """
    from filelock import FileLock, Timeout

    place = path / LOCK if path.is_dir() else path.with_name(f".{path.name}{LOCK}")
    place.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(place, thread_local=False)
    try:
        lock.acquire(timeout=_PATIENCE if patience is None else patience, poll_interval=0.02)
    except Timeout:
        raise BusyError(
            f"{path} is being written by {_holder(place)}: wait until it is done, or write "
            "somewhere else"
        ) from None
    try:
        place.write_text(json.dumps(_about()), encoding="ascii")
        yield
    finally:
        with suppress(OSError):  # another run that waits for it opens a new file
            place.unlink()
        lock.release()


def _about() -> dict[str, object]:
    return {
        "process": os.getpid(),
        "host": platform.node(),
        "command": " ".join(sys.argv)[:200],
        "since": datetime.now().astimezone().isoformat(sep=" ", timespec="seconds"),
    }


def _holder(place: Path) -> str:
    """Who holds a lock, by what its file says."""
    try:
        with place.open("rb") as file:
            about = json.loads(file.read(_LONGEST))
        text = "process {process} on {host} since {since} ({command})".format(**about)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "another process"
    return printable(f"{text:.400}")
