"""What the page is made of, whether the analysis has just ended or its folder is read again."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import FolderError, FormatError
from netsculpt.core.folders import MANIFEST, is_interrupted, read_manifest
from netsculpt.graph.graph import NetGraph
from netsculpt.report.summary import SCHEMA

__all__ = ["MAKERS", "NAME", "Contents", "contents_of", "figure_bytes", "finished", "numeric"]

NAME: Final = "report.html"  # of the page in a folder
MAKERS: Final = ("analyze", "demo")
_TEXTS: Final = ("unit", "name", "layer", "role", "position")  # which the graph says itself
_AGAIN: Final = "run 'netsculpt analyze' again"


@dataclass(frozen=True, eq=False)
class Contents:
    """Everything that is on the page."""

    summary: Mapping[str, Any]  # summary.json
    arguments: Mapping[str, Any]  # of the manifest: what was read, and what was asked for
    units: Mapping[str, NDArray[Any]]  # [U] each: numbers and booleans of units.csv
    graph: NetGraph
    figures: Mapping[str, bytes]  # file name → content


def contents_of(folder: Path) -> Contents:
    """Read what `analyze` or `demo` wrote into a folder.

    Raises
    ------
    FolderError
        If it is not a folder that one of them has finished.
    FormatError
        If a file is damaged, or of another version or network than the others.
    """
    import pandas as pd

    from netsculpt.loading import load

    manifest = finished(folder, MAKERS)
    summary = _summary(folder / "summary.json")
    graph = load(folder / "graph.npz")
    path = folder / "units.csv"
    try:
        units = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise FormatError(f"{path} cannot be read as a table ({error}): {_AGAIN}") from None
    if len(units) != graph.n_units or summary["graph"].get("n_edges") != graph.n_edges:
        raise FormatError(
            f"{folder} holds {len(units):,} units in units.csv and {graph.n_units:,} in graph.npz: "
            f"its files are of different networks; {_AGAIN}"
        )
    return Contents(
        summary,
        manifest["arguments"],
        numeric({str(x): units[x] for x in units}, graph.attributes),
        graph,
        figure_bytes(folder / "figures", manifest["files"]),
    )


def finished(folder: Path, makers: Collection[str]) -> dict[str, Any]:
    """The manifest of a folder that one of some commands has finished.

    Raises
    ------
    FolderError
        If there is none, or it is of another command.
    FormatError
        If it does not say what was run, and which files there are.
    """
    path = folder / MANIFEST
    if folder.is_file():
        raise FolderError(
            f"{folder} is a file: name a folder of results. A page of a model: "
            f"netsculpt analyze {quote(str(folder))} -o pages"
        )
    if not folder.exists():
        raise FolderError(f"no folder at '{folder}': check the path")
    if is_interrupted(folder):
        raise FolderError(
            f"{folder} is not finished: the run that wrote it was interrupted, or is still going "
            "on; run the command again, which replaces what is there"
        )
    if not path.is_file():
        name = quote(str(folder))
        raise FolderError(
            f"{folder} has no {MANIFEST}, which every finished folder of results has. A page of "
            f"each model in it: netsculpt analyze {name} -o pages; of checkpoints of one net: "
            f"netsculpt track {name} -o pages"
        )
    manifest = read_manifest(path)
    if manifest.get("maker") not in makers:
        raise FolderError(
            f"{folder} was written by {manifest.get('maker')!r:.40}: a folder of "
            f"{' or '.join(map(repr, makers))} is needed"
        )
    files = manifest.get("files")
    listed = isinstance(files, list) and all(isinstance(name, str) for name in files)
    if not isinstance(manifest.get("arguments"), dict) or not listed:
        raise FormatError(f"{path} does not say what was run, and into which files: {_AGAIN}")
    return manifest


def numeric(units: Mapping[str, Any], attributes: Collection[str]) -> dict[str, NDArray[Any]]:
    """The numbers of the table of units, ∞ as NaN; without what the graph says itself."""
    kept = {
        name: np.asarray(values)
        for name, values in units.items()
        if name not in _TEXTS and name not in attributes
    }
    return {
        name: np.where(np.isinf(x), np.nan, x) if x.dtype.kind == "f" else x
        for name, x in kept.items()
        if x.dtype.kind in "biuf"
    }


def figure_bytes(folder: Path, files: Iterable[str]) -> dict[str, bytes]:
    """The figures of a folder, those that the list names with ``figures/`` before."""
    names = sorted(name.removeprefix("figures/") for name in files if name.startswith("figures/"))
    paths = [(name, folder / name) for name in names if "/" not in name]
    return {name: path.read_bytes() for name, path in paths if path.is_file()}


def _summary(path: Path) -> dict[str, Any]:
    try:
        summary = json.loads(path.read_bytes())
        found = summary["schema"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise FormatError(f"{path} is not a summary ({error}): {_AGAIN}") from None
    if found != SCHEMA:
        raise FormatError(f"{path} is of schema {found!r:.60}, {SCHEMA!r} is needed: {_AGAIN}")
    whole: dict[str, Any] = summary
    return whole
