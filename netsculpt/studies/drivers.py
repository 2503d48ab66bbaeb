"""Drivers: processes that run the study of a folder, each the cells that it has claimed.

drivers/host-4711-93af….json       one per driver, written every three seconds: who, and how far
claims/mlp-snip-0.1-0-93af….json   a hard link to the file of the driver that has begun this cell

A link is made at once or not at all, on network folders too, and takes no space; where there are
none, a copy is made. Claims only save work: two drivers that run a cell write the same rows. So one
rule will do, also where locks do not work: a driver that has written nothing for two minutes is
taken to have ended, and so is one on this machine whose process is gone. The clocks of the machines
must agree within a minute.
"""

from __future__ import annotations

import json
import math
import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from netsculpt.core.errors import BusyError, OutputError
from netsculpt.core.locking import locked
from netsculpt.core.numbers import is_number, is_whole
from netsculpt.core.writing import replacing

__all__ = [
    "CLAIMS",
    "DRIVERS",
    "Driver",
    "Progressed",
    "Sign",
    "live_drivers",
    "remove_ended",
    "running_cells",
]

DRIVERS = "drivers"
CLAIMS = "claims"

_EVERY = 3.0  # seconds between signs of life
_SILENCE = 120.0  # seconds: signs, the caches of network folders, and clocks that disagree
_TRUSTED = 5.0  # seconds that a driver is taken to be alive without looking again
_LONGEST = 1 << 16  # bytes of a sign
_FITS: Mapping[str, Callable[[object], bool]] = {  # by the annotations of fields
    "int": lambda value: isinstance(value, int) and is_whole(value) and value >= 0,
    "float": is_number,
    "str": lambda value: isinstance(value, str),
    "Progressed": lambda value: isinstance(value, Progressed),
}


@dataclass(frozen=True)
class Progressed:
    """How far a driver has come, since it began."""

    workers: int = 0
    running: int = 0  # cells that it has claimed
    done: int = 0
    failed: int = 0
    deaths: int = 0  # of workers


@dataclass(frozen=True)
class Sign:
    """What a driver says about itself."""

    name: str
    process: int
    host: str
    machine: str  # host, and what tells apart containers of the same name
    command: str
    since: float  # seconds of the epoch
    last: float  # when this was written
    progressed: Progressed


class Driver:
    """The part of a process that runs the study of a folder, together with others.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with Driver(folder) as first, Driver(folder) as second:
    ...     first.claim("a.json"), second.claim("a.json"), second.claim("b.json")
    (True, False, True)
    >>> list(folder.iterdir())
    []
    """

    def __init__(self, folder: Path, notes: tuple[str, ...] = ()) -> None:
        host, process = platform.node(), os.getpid()
        name = f"{host[:40]}-{process}-{uuid4().hex[:8]}.json"
        command, now = " ".join(sys.argv)[:200], time.time()
        self.notes = notes  # on what the folder held when it began
        self.progressed = Progressed()  # as others may know; replaced, not changed
        self._sign = Sign(name, process, host, _machine(), command, now, now, self.progressed)
        self._folder = folder
        self._claimed: set[str] = set()
        self._alive: dict[str, float] = {}  # others, and when they were last seen to be alive
        self._links = hasattr(os, "link")  # as far as is known
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    @property
    def n_claimed(self) -> int:
        """Cells that it has begun."""
        return len(self._claimed)

    @property
    def name(self) -> str:
        """Name of its file."""
        return self._sign.name

    @property
    def path(self) -> Path:
        """Its file, which only those see that see the folder."""
        return self._folder / DRIVERS / self._sign.name

    def __enter__(self) -> Driver:
        self._appear()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        for name in tuple(self._claimed):
            self.release(name)
        self.path.unlink(missing_ok=True)
        with suppress(OSError, BusyError), locked(self._folder):  # so that none is just beginning
            self._folder.joinpath(DRIVERS).rmdir()
            self._folder.joinpath(CLAIMS).rmdir()

    def claim(self, cell: str) -> bool:
        """Begin a cell, by the name of its file, unless another live driver has."""
        path = self._folder / CLAIMS / cell
        try:
            self._mark(path)
        except FileNotFoundError:  # others took this driver to have ended: it was suspended
            self._appear()
            return self.claim(cell)
        except FileExistsError:
            if not self._inherit(path):
                return False
        self._claimed.add(cell)
        return True

    def release(self, cell: str) -> None:
        """End a claim."""
        self._claimed.discard(cell)
        self._folder.joinpath(CLAIMS, cell).unlink(missing_ok=True)

    def _appear(self) -> None:
        for name in (DRIVERS, CLAIMS):
            self._folder.joinpath(name).mkdir(exist_ok=True)
        self._write()

    def _inherit(self, path: Path) -> bool:
        """Take over the claim of a driver that has ended; one of several wins."""
        if self._is_held(path):
            return False
        try:
            with locked(self._folder):
                if self._is_held(path):
                    return False
                path.unlink(missing_ok=True)
                self._mark(path)
        except (BusyError, FileExistsError):  # it may still be there at the next look
            return False
        return True

    def _mark(self, path: Path) -> None:
        """Make the file of a claim; raise FileExistsError if there is one."""
        if self._links:
            try:
                os.link(self.path, path)
            except (FileExistsError, FileNotFoundError):
                raise
            except OSError:
                self._links = False
            else:
                return
        content = self.path.read_bytes()
        with path.open("xb") as file:
            file.write(content)

    def _is_held(self, path: Path) -> bool:
        claim = _read(path)
        if claim is None:  # released by now, or just begun without links, or damaged
            with suppress(FileNotFoundError):
                return time.time() - path.stat().st_mtime < _SILENCE
            return True
        if time.monotonic() - self._alive.get(claim.name, -math.inf) < _TRUSTED:
            return True
        sign = _read(self._folder / DRIVERS / claim.name)
        if sign is None or not _is_alive(sign):
            return False
        self._alive[claim.name] = time.monotonic()
        return True

    def _beat(self) -> None:
        while not self._ended.wait(_EVERY):
            with suppress(OutputError):  # a full disk: the next sign may be written
                self._write()

    def _write(self) -> None:
        now = replace(self._sign, last=time.time(), progressed=self.progressed)
        with replacing(self.path) as file:
            file.write(json.dumps(asdict(now)).encode())


def live_drivers(folder: Path) -> list[Sign]:
    """Drivers that are running the study of a folder."""
    places = sorted(folder.joinpath(DRIVERS).glob("*.json"))
    return [sign for sign in map(_read, places) if sign is not None and _is_alive(sign)]


def running_cells(folder: Path) -> set[str]:
    """Cells that live drivers have begun, by the names of their files."""
    alive = {sign.name for sign in live_drivers(folder)}
    claims = ((path.name, _read(path)) for path in folder.joinpath(CLAIMS).glob("*.json"))
    return {name for name, claim in claims if claim is not None and claim.name in alive}


def remove_ended(folder: Path) -> list[Sign]:
    """Remove drivers that have ended, and their claims; return those that are alive.

    Only for a process that holds the lock of the folder.
    """
    alive = live_drivers(folder)
    names = {sign.name for sign in alive}
    for path in folder.joinpath(DRIVERS).glob("*"):
        if path.name not in names:
            path.unlink(missing_ok=True)
    if not alive:
        for path in folder.joinpath(CLAIMS).glob("*"):
            path.unlink(missing_ok=True)
    return alive


def _read(path: Path) -> Sign | None:
    """What a driver has written; None if there is no such driver, or the file is damaged."""
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(_LONGEST))
        progressed = _known(Progressed, content["progressed"])
        sign = _known(Sign, {**content, "progressed": progressed})
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return sign if Path(sign.name).name == sign.name else None


def _known(kind: Any, content: Mapping[str, Any]) -> Any:
    """A dataclass whose fields have the types of their annotations."""
    known = {entry.name: content[entry.name] for entry in fields(kind)}
    for entry in fields(kind):
        if not _FITS[str(entry.type)](known[entry.name]):
            raise TypeError(entry.name)
    return kind(**known)


def _machine() -> str:
    """The machine whose process numbers are ours."""
    parts = [platform.node()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)


def _is_alive(sign: Sign) -> bool:
    """Whether the process of a driver seems to be running."""
    if sign.machine == _machine():
        try:
            os.kill(sign.process, 0)
        except ProcessLookupError:
            return False
        except (OSError, OverflowError):  # it is of another user
            pass
    return time.time() - sign.last < _SILENCE
