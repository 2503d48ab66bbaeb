"""A folder of results is of one run: what an earlier run wrote there is replaced as a whole.

manifest.json       who wrote the folder, and the files; written last
.unfinished.json    the same while a run writes; what stays of it tells that a run was interrupted
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from netsculpt.core.errors import FolderError, FormatError
from netsculpt.core.locking import LOCK, held
from netsculpt.core.printable import printable
from netsculpt.core.writing import is_unfinished, write_json

__all__ = [
    "MANIFEST",
    "MASKS",
    "REMEDY",
    "claim_folder",
    "file_names",
    "is_interrupted",
    "read_manifest",
    "replaced_folder",
    "require_replaceable",
]

MANIFEST = "manifest.json"
MASKS = "masks.record"  # of the rounds of a net, or the updates of its training

_UNFINISHED = ".unfinished.json"
_OWN = (MANIFEST, _UNFINISHED, LOCK)
_LONGEST = 1 << 24  # bytes of a manifest
_MOST_SHOWN = 3
REMEDY = "name a new folder, or move away what is in this one"


def require_replaceable(folder: Path, maker: str, left_alone: Collection[str] = ()) -> list[str]:
    """Names of the files in a folder that an earlier run of `maker` wrote.

    Parameters
    ----------
    folder
        A folder that may not exist yet.
    maker
        Who writes such folders: the name of a command.
    left_alone
        Names in the folder that the run leaves alone.

    Raises
    ------
    FolderError
        If it is not a folder, or holds anything else: files of somebody else, results of another
        command, links.
    """
    if not folder.exists() and not folder.is_symlink():
        return []
    if not folder.is_dir():
        raise FolderError(f"{folder} is not a folder: {REMEDY}")
    known = _recorded(folder, maker)
    inner = {PurePosixPath(name).parent.as_posix() for name in known}  # one may be empty by now
    foreign = [name for name in file_names(folder, left_alone) if name not in known | inner]
    if foreign:
        shown = ", ".join(map(repr, foreign[:_MOST_SHOWN]))
        more = f" and {len(foreign) - _MOST_SHOWN} more" if len(foreign) > _MOST_SHOWN else ""
        raise FolderError(
            printable(f"{folder} holds {shown}{more}, which {maker!r} did not write: {REMEDY}")
        )
    return [name for name in known if folder.joinpath(name).exists()]


def claim_folder(
    folder: Path, maker: str, files: Collection[str], left_alone: Collection[str] = ()
) -> list[str]:
    """Record who writes `files` into a folder; they may be replaced if the run is interrupted.

    Returns the names of what an earlier run has left. For errors see `require_replaceable`.
    """
    old = require_replaceable(folder, maker, left_alone)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / _UNFINISHED, {"maker": maker, "files": sorted({*old, *files})})
    return old


def is_interrupted(folder: Path) -> bool:
    """Whether a run began to write a folder and did not finish: interrupted, or still going on."""
    return folder.joinpath(_UNFINISHED).is_file()


@contextmanager
def replaced_folder(
    folder: Path, maker: str, files: Collection[str], left_alone: Collection[str] = ()
) -> Iterator[None]:
    """Write all files of a folder in the block, the manifest at its end; nobody else does so.

    What an earlier run of `maker` has left is removed first. `files` are the names that the block
    may write, with ``/`` between folders. For the rest see `require_replaceable`.

    Raises
    ------
    BusyError
        If another process is writing the folder.
    """
    require_replaceable(folder, maker, left_alone)
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder):
        old = claim_folder(folder, maker, files, left_alone)
        folder.joinpath(MANIFEST).unlink(missing_ok=True)
        for name in old:
            if name not in left_alone:
                folder.joinpath(name).unlink(missing_ok=True)
        for name in file_names(folder, left_alone):  # folders that are empty now
            with suppress(OSError):
                folder.joinpath(name).rmdir()
        yield
        folder.joinpath(_UNFINISHED).unlink(missing_ok=True)


def file_names(folder: Path, left_alone: Collection[str] = ()) -> list[str]:
    """Names of what is in a folder, links and empty folders included.

    Not the manifest, and not what an interrupted write has left.
    """
    names: list[str] = []
    for root, folders, files in os.walk(folder):
        at = Path(root)
        links = [name for name in folders if at.joinpath(name).is_symlink()]
        empty = [at.name] if not folders and not files and at != folder else []
        place = at.parent if empty else at
        paths = (place / name for name in (*files, *links, *empty))
        names += [path.relative_to(folder).as_posix() for path in paths]
        if at == folder:
            folders[:] = [name for name in folders if name not in left_alone]
    ignored = {*_OWN, *left_alone}
    kept = (name for name in names if name not in ignored)
    return sorted(name for name in kept if not is_unfinished(name.rpartition("/")[2]))


def _recorded(folder: Path, maker: str) -> set[str]:
    """Names of regular files that an earlier run of `maker` wrote, or was about to write."""
    for name in (_UNFINISHED, MANIFEST):
        path = folder / name
        if path.is_symlink():
            raise FormatError(f"{path} is a link: {REMEDY}")
        if not path.exists():
            continue
        content = read_manifest(path)
        if content.get("maker") != maker:
            by = content.get("maker") or content.get("analysis") or "another version"
            raise FormatError(
                printable(f"{folder} holds the results of {by!r:.40}, not of {maker!r}: {REMEDY}")
            )
        files = content.get("files")
        if not isinstance(files, list) or not all(isinstance(x, str) for x in files):
            raise FormatError(f"{path} does not list its files: {REMEDY}")
        return {x for x in files if _is_regular(folder, x)}
    return set()


def read_manifest(path: Path) -> dict[str, Any]:
    """What a manifest says, which anybody may have edited.

    Raises
    ------
    FormatError
        If it cannot be read, is too long, or is not an object.
    """
    try:
        if path.stat().st_size > _LONGEST:
            raise ValueError(f"it is longer than {_LONGEST} bytes")
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError("it is not an object")
    except (OSError, ValueError, RecursionError) as error:
        raise FormatError(f"{path} cannot be read as a manifest ({error}): {REMEDY}") from None
    return content


def _is_regular(folder: Path, name: str) -> bool:
    """Whether a name is of a regular file in the folder, reached without links or "..".

    A file that is not there yet may come to be one.
    """
    parts = PurePosixPath(name).parts
    if not parts or PurePosixPath(name).is_absolute() or ".." in parts or name in _OWN:
        return False
    places = [folder.joinpath(*parts[:n]) for n in range(1, len(parts) + 1)]
    return not any(x.is_symlink() for x in places) and not places[-1].is_dir()
