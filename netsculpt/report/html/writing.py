"""The page as a file of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from netsculpt.core.errors import FolderError, FormatError
from netsculpt.core.folders import MANIFEST, is_interrupted, read_manifest
from netsculpt.core.locking import held
from netsculpt.core.writing import replacing, write_json
from netsculpt.report.html.contents import MAKERS, NAME, contents_of, figure_bytes, finished
from netsculpt.report.html.groups import COMPARE, groups_page, groups_summary
from netsculpt.report.html.models.contents import MODELS, models_contents
from netsculpt.report.html.models.page import models_page
from netsculpt.report.html.page import page
from netsculpt.report.html.tracked import TRACK
from netsculpt.report.html.tracked.contents import track_contents
from netsculpt.report.html.tracked.page import track_page

__all__ = ["rewrite_page", "write_page"]

_ALL: Final = (*MAKERS, TRACK, MODELS, COMPARE)


def write_page(text: str, path: Path) -> None:
    """Write a page, whole or not at all."""
    with replacing(path) as file:
        file.write(text.encode())


def rewrite_page(folder: Path, output: Path | None = None) -> Path:
    """Make the page of a finished folder again, in the folder unless `output` says where.

    Of an analysis, of several, of a track, or of two groups. In the folder, the manifest lists it
    from then on. Returns the path of the page. Other folders raise `FolderError`, which says what
    they are and which command makes a page of it. For further errors see `finished` and
    `contents_of`; a folder that another process writes raises `BusyError`.
    """
    text = _page(folder)
    if output is not None:
        write_page(text, output)
        return output
    with held(folder):
        write_page(text, folder / NAME)
        manifest = read_manifest(folder / MANIFEST)
        files = sorted({*manifest["files"], NAME})
        if files != manifest["files"]:
            write_json(folder / MANIFEST, {**manifest, "files": files})
    return folder / NAME


def _page(folder: Path) -> str:
    """The page of a folder whose files anybody may have edited."""
    if folder.is_dir() and not is_interrupted(folder):
        from netsculpt.report.html.pageless import why_no_page  # imports all of studies

        reason = why_no_page(folder)
        if reason is not None:
            raise FolderError(reason)
    manifest = finished(folder, _ALL)
    try:
        if manifest["maker"] == TRACK:
            return track_page(track_contents(folder, manifest))
        if manifest["maker"] == MODELS:
            return models_page(models_contents(folder))
        if manifest["maker"] == COMPARE:
            figures = figure_bytes(folder / "figures", manifest["files"])
            return groups_page(groups_summary(folder), figures)
        return page(contents_of(folder))
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        tables = dict.fromkeys((TRACK, COMPARE), "summary.json") | {MODELS: "models.json"}
        raise FormatError(
            f"{tables.get(manifest['maker'], 'summary.json or units.csv')} of {folder} lacks what "
            f"its command writes there ({type(error).__name__}: {error}): run it again"
        ) from error
