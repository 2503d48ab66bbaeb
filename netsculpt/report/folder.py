"""The output folder: page, tables, graph, figures, summary and manifest."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsculpt.core.figure_style import ALL_FIGURES, FigureStyle
from netsculpt.core.folders import MANIFEST, read_manifest, replaced_folder
from netsculpt.core.manifest import write_manifest
from netsculpt.core.progress import Progress, silent
from netsculpt.core.version import __version__
from netsculpt.core.writing import write_json
from netsculpt.graph.npz import save
from netsculpt.pipeline import WEIGHTED
from netsculpt.report.csv_tables import write_table
from netsculpt.report.figures import figure_files, write_figures
from netsculpt.report.html.contents import NAME, Contents, figure_bytes, numeric
from netsculpt.report.summary import shortened, summary

if TYPE_CHECKING:
    from netsculpt.graph.graph import NetGraph
    from netsculpt.pipeline import Analysis, AnalysisPlan

__all__ = ["MAKER", "is_written", "whole_manifest", "write_analysis"]

STAGE = "writing tables and graph"
PAGE_STAGE = "writing the page"
MAKER = "analyze"
_FILES = (
    *("summary.json", "units.csv", "modules.csv", "links.csv", "flows.csv", "graph.npz"),
    NAME,
)


def write_analysis(
    analysis: Analysis,
    folder: str | Path,
    *,
    source: Mapping[str, Any] | None = None,
    figures: FigureStyle = ALL_FIGURES,
    maker: str = MAKER,
    left_alone: Collection[str] = (),
    progress: Progress | None = None,
) -> None:
    """Write report.html, summary.json, four tables (*.csv), graph.npz, figures/, manifest.json.

    File names are fixed: no name from the model becomes one. The manifest is written last, so a
    folder that has one is complete.

    The manifest records the `source` of the graph (JSON-able), and how `figures` are drawn.
    `progress` is called with (stage, steps done, steps in all).

    What an earlier run of the same `maker` (a command) has left in the folder is replaced as a
    whole: the manifest lists it. Files and folders named in `left_alone` stay. Anything else in the
    folder, and links, raise `FormatError`; a folder that another process writes raises `BusyError`.
    """
    from netsculpt.report.html.page import page  # matplotlib comes with it
    from netsculpt.report.html.writing import write_page

    report, folder = progress or silent, Path(folder)
    drawn = [f"figures/{name}" for name in figure_files(analysis, figures)]
    files = [*_FILES, *drawn, *(name for name in left_alone if (folder / name).is_file())]
    with replaced_folder(folder, maker, files, left_alone):
        report(STAGE, 0, 1)
        told, units = summary(analysis), _units(analysis)
        write_json(folder / "summary.json", told)
        _write_tables(analysis, units, folder)
        save(analysis.graph, folder / "graph.npz")
        report(STAGE, 1, 1)
        write_figures(analysis, folder / "figures", figures, progress=progress)
        about = _described(
            analysis.graph, analysis.plan, analysis.seed, source=source, figures=figures
        )
        report(PAGE_STAGE, 0, 1)
        shown = figure_bytes(folder / "figures", drawn)
        numbers = numeric(units, analysis.graph.attributes)
        contents = Contents(told, about["arguments"], numbers, analysis.graph, shown)
        write_page(page(contents), folder / NAME)
        report(PAGE_STAGE, 1, 1)
        write_manifest(
            folder,
            {
                "maker": maker,
                **about,
                "files": sorted(files),
            },
        )


def is_written(folder: Path, graph: NetGraph, plan: AnalysisPlan, seed: int, **about: Any) -> bool:
    """Whether `write_analysis` has written this folder, whole, for such an analysis of this graph.

    `about` are the `source` and the `figures` that it would be called with.
    """
    if plan.functions:  # of which only the names are known here
        return False
    content = whole_manifest(folder)
    wanted = json.loads(json.dumps(_described(graph, plan, seed, **about)))
    return content is not None and all(content.get(name) == wanted[name] for name in wanted)


def whole_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a folder that this version wrote and that has all of its files; else None."""
    if not folder.joinpath(MANIFEST).is_file():
        return None
    content = read_manifest(folder / MANIFEST)
    versions, files = content.get("versions"), content.get("files")
    is_whole = (
        isinstance(versions, dict)
        and versions.get("netsculpt") == __version__
        and isinstance(files, list)
        and all(isinstance(name, str) and folder.joinpath(name).is_file() for name in files)
    )
    return content if is_whole else None


def _described(
    graph: NetGraph,
    plan: AnalysisPlan,
    seed: int,
    *,
    source: Mapping[str, Any] | None,
    figures: FigureStyle,
) -> dict[str, Any]:
    """What the manifest says of what was asked for."""
    return {
        "arguments": {
            **(source or {}),
            **plan.summary(),
            **figures.summary(),
        },
        "seed": seed,
        "inputs": [step.input_hash for step in graph.provenance if step.input_hash],
    }


def _units(analysis: Analysis) -> dict[str, Any]:
    """The table of units, whose counts stay exact."""
    weighted = [name for name in analysis.columns if name.endswith(WEIGHTED)]
    return _shortened(analysis.unit_columns(), weighted)


def _write_tables(analysis: Analysis, units: Mapping[str, Any], folder: Path) -> None:
    write_table(units, folder / "units.csv")
    others = {
        "modules": analysis.module_columns(),
        "links": analysis.link_columns(),
        "flows": analysis.flow_columns(),
    }
    for name, table in others.items():
        numbers = [column for column, x in table.items() if any(isinstance(y, float) for y in x)]
        write_table(_shortened(table, numbers), folder / f"{name}.csv")


def _shortened(table: dict[str, Any], columns: Iterable[str]) -> dict[str, Any]:
    """The table with these columns as exact as numbers in summary.json."""
    return table | {name: [shortened(x) for x in table[name]] for name in columns}
