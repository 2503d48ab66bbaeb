"""The folder of a study: of one study, whose tables replace no other files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from netsculpt.core.errors import FormatError
from netsculpt.core.folders import MANIFEST, REMEDY, file_names, read_manifest
from netsculpt.core.printable import printable

__all__ = ["PLAN", "require_own", "require_replaceable_tables"]

PLAN = "plan.json"  # of a sculpting


def require_own(folder: Path, study: str) -> None:
    """Raise if a folder is of another study or command, or holds links."""
    if not folder.is_dir():
        return
    names = file_names(folder)
    manifest = _manifest(folder)
    if PLAN in names:
        raise FormatError(f"{folder} holds a sculpting ({PLAN}), not {study!r}: {REMEDY}")
    if manifest is not None and manifest.get("analysis") != study:
        maker = manifest.get("analysis") or manifest.get("maker") or "something else"
        raise FormatError(
            printable(f"{folder} holds the results of {maker!r:.40}, not of {study!r}: {REMEDY}")
        )
    for name in names:
        if folder.joinpath(name).is_symlink():
            raise FormatError(
                printable(f"{name!r:.80} in {folder} is a link, which is not followed: {REMEDY}")
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
