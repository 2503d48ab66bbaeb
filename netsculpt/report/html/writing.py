"""The page as a file of a folder."""

from __future__ import annotations

from pathlib import Path

from netsculpt.core.errors import FormatError
from netsculpt.core.folders import MANIFEST, read_manifest
from netsculpt.core.locking import held
from netsculpt.core.writing import replacing, write_json
from netsculpt.report.html.contents import NAME, Contents, contents_of
from netsculpt.report.html.page import page

__all__ = ["rewrite_page", "write_page"]


def write_page(contents: Contents, path: Path) -> None:
    """Write the page, whole or not at all."""
    text = page(contents).encode()
    with replacing(path) as file:
        file.write(text)


def rewrite_page(folder: Path, output: Path | None = None) -> Path:
    """Make the page of a finished folder again, in the folder unless `output` says where.

    In the folder, the manifest lists it from then on. Returns the path of the page. For errors see
    `contents_of`; a folder that another process writes raises `BusyError`.
    """
    contents = contents_of(folder)
    if output is not None:
        _write(contents, output, folder)
        return output
    with held(folder):
        _write(contents, folder / NAME, folder)
        manifest = read_manifest(folder / MANIFEST)
        files = sorted({*manifest["files"], NAME})
        if files != manifest["files"]:
            write_json(folder / MANIFEST, {**manifest, "files": files})
    return folder / NAME


def _write(contents: Contents, path: Path, folder: Path) -> None:
    """Write the page of a folder whose files anybody may have edited."""
    try:
        write_page(contents, path)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise FormatError(
            f"summary.json or units.csv of {folder} lacks what 'netsculpt analyze' writes there "
            f"({type(error).__name__}: {error}): run it again"
        ) from error
