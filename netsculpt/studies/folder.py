"""The folder of a study: of one study, whose tables replace no other files.

study.json                        name, cells, and the command that runs it; written first
cells/mlp-snip-0.1-0-93af….json   rows of one cell; a cell with a file is not run again
failed/mlp-snip-….json            why a cell has no rows; the next run tries it again
drivers/, claims/                 who is running it: see `netsculpt.studies.drivers`
networks.parquet, rates.csv       rows of all cells, and tables made from them
manifest.json                     configuration, versions and counts; written last
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from netsculpt.core.errors import FolderError, FormatError
from netsculpt.core.folders import MANIFEST, REMEDY, file_names, read_manifest
from netsculpt.core.locking import locked
from netsculpt.core.printable import printable
from netsculpt.core.writing import remove_unfinished, write_json
from netsculpt.studies.begun import beginning, read_begun, write_begun
from netsculpt.studies.drivers import Driver, live_drivers, remove_ended
from netsculpt.studies.earlier import after, left_behind

__all__ = [
    "CELLS",
    "FAILED",
    "PLAN",
    "driving",
    "read_failure",
    "require_own",
    "require_replaceable_tables",
    "write_failure",
    "writing_tables",
]

PLAN = "plan.json"  # of a sculpting
CELLS = "cells"
FAILED = "failed"

_FAILURE = "netsculpt.failure/1"
_PATIENCE = 600.0  # seconds that another driver may take to write its tables


@contextmanager
def driving(
    folder: Path, study: str, cells: Sequence[str], about: Mapping[str, Any] | None = None
) -> Iterator[Driver]:
    """Run a study in a folder, in the block, perhaps together with other drivers.

    What earlier runs have left there is in ``driver.notes``; for a warning see `left_behind`.

    Raises
    ------
    FormatError
        See `require_own`; or if `about` cannot be written.
    FolderError
        If a file is where the folder is to be.
    BusyError
        If something else is writing the folder.
    """
    begun = beginning(folder, study, tuple(cells), about or {})
    require_own(folder, study)
    folder.mkdir(parents=True, exist_ok=True)
    stack = ExitStack()
    with locked(folder):
        alone = not remove_ended(folder)
        if alone:
            remove_unfinished(folder)
            for path in folder.joinpath(FAILED).glob("*.json"):
                path.unlink()
            with suppress(OSError):
                folder.joinpath(FAILED).rmdir()
        before = read_begun(folder)
        present = {path.name for path in folder.joinpath(CELLS).glob("*.json")}
        notes = left_behind(folder, begun, before, present)
        write_begun(after(before, begun, present))
        folder.joinpath(CELLS).mkdir(exist_ok=True)
        driver = stack.enter_context(Driver(folder, notes))
    with stack:
        yield driver


@contextmanager
def writing_tables(folder: Path, driver: Driver) -> Iterator[None]:
    """Write what is made from all cells, in the block, while no other driver does."""
    with locked(folder, patience=_PATIENCE):
        if all(sign.name == driver.name for sign in live_drivers(folder)):
            remove_unfinished(folder)  # of workers that died
        yield


def write_failure(folder: Path, cell: str, reason: str) -> None:
    """Write down why a cell, by the name of its file, has no rows."""
    folder.joinpath(FAILED).mkdir(exist_ok=True)
    write_json(folder / FAILED / cell, {"schema": _FAILURE, "reason": reason})


def read_failure(folder: Path, cell: str) -> str:
    """Why a cell that has failed has no rows."""
    path = folder / FAILED / cell
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["reason"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        return f"{path} cannot be read ({error})"


def require_own(folder: Path, study: str) -> None:
    """Raise if a folder is a file, or is of another study or command, or holds links."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir():
        raise FolderError(
            printable(
                f"{existing} is a file, and a study needs a folder: name a new one, or that of an "
                "earlier run (-o)"
            )
        )
    if existing != folder:
        return
    names = file_names(folder)
    manifest = _manifest(folder)
    for name in names:
        if folder.joinpath(name).is_symlink():
            raise FormatError(
                printable(f"{name!r:.80} in {folder} is a link, which is not followed: {REMEDY}")
            )
    if PLAN in names:
        raise FormatError(f"{folder} holds a sculpting ({PLAN}), not {study!r}: {REMEDY}")
    if manifest is not None and manifest.get("analysis") != study:
        maker = manifest.get("analysis") or manifest.get("maker") or "something else"
        raise FormatError(
            printable(f"{folder} holds the results of {maker!r:.40}, not of {study!r}: {REMEDY}")
        )
    begun = read_begun(folder)
    if begun is not None and begun.study != study:
        raise FormatError(
            printable(
                f"{folder} holds the cells of {begun.study!r:.40}, not of {study!r}: {REMEDY}"
            )
        )


def require_replaceable_tables(folder: Path, files: Sequence[str]) -> None:
    """Raise if a table would replace what the manifest does not list; remove earlier tables.

    Manifests of versions before this one list nothing: tables next to them are the study's.
    """
    manifest = _manifest(folder)
    listed = None if manifest is None else manifest.get("files")
    if manifest is not None and not isinstance(listed, list):
        return
    before = {name for name in listed or () if isinstance(name, str) and "/" not in name}
    for name in files:
        if folder.joinpath(name).exists() and name not in before:
            raise FormatError(
                f"{folder / name} is not of this study, so it is not replaced: {REMEDY}"
            )
    for name in before.difference(files, [MANIFEST]):
        if folder.joinpath(name).is_file():
            folder.joinpath(name).unlink()


def _manifest(folder: Path) -> dict[str, Any] | None:
    path = folder / MANIFEST
    return read_manifest(path) if path.exists() else None
