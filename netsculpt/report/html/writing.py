"""The page as a file of a folder."""

from __future__ import annotations

from pathlib import Path

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
    if output is not None:
        write_page(contents_of(folder), output)
        return output
    contents = contents_of(folder)
    with held(folder):
        write_page(contents, folder / NAME)
        manifest = read_manifest(folder / MANIFEST)
        files = sorted({*manifest["files"], NAME})
        if files != manifest["files"]:
            write_json(folder / MANIFEST, {**manifest, "files": files})
    return folder / NAME
