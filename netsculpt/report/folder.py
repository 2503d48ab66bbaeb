"""The output folder: tables, graph, figures, summary and manifest."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsculpt.core.folders import replaced_folder
from netsculpt.core.manifest import write_manifest
from netsculpt.core.progress import Progress, silent
from netsculpt.core.writing import write_json
from netsculpt.graph.npz import save
from netsculpt.pipeline import WEIGHTED
from netsculpt.report.csv_tables import write_table
from netsculpt.report.figures import figure_files, write_figures
from netsculpt.report.summary import shortened, summary

if TYPE_CHECKING:
    import pandas as pd

    from netsculpt.pipeline import Analysis
    from netsculpt.plots.style import Width

__all__ = ["write_folder"]

STAGE = "writing tables and graph"
MAKER = "analyze"
_FILES = ("summary.json", "units.csv", "modules.csv", "links.csv", "flows.csv", "graph.npz")


def write_folder(
    analysis: Analysis,
    folder: Path,
    *,
    source: Mapping[str, Any] | None = None,
    figures: Sequence[str] = (),
    width: Width = "neurips",
    maker: str = MAKER,
    left_alone: Collection[str] = (),
    progress: Progress | None = None,
) -> None:
    """Write summary.json, four tables (*.csv), graph.npz, figures/ and manifest.json.

    File names are fixed: no name from the model becomes one. The manifest is written last, so a
    folder that has one is complete.

    The manifest records the `source` of the graph (JSON-able). Figures are drawn in each of the
    formats `figures` (pdf, png, svg) for a column of this `width`. `progress` is called with
    (stage, steps done, steps in all).

    What an earlier run of the same `maker` (a command) has left in the folder is replaced as a
    whole: the manifest lists it. Files and folders named in `left_alone` stay. Anything else in the
    folder, and links, raise `FormatError`; a folder that another process writes raises `BusyError`.
    """
    report = progress or silent
    drawn = [f"figures/{name}" for name in figure_files(analysis, figures)]
    files = [*_FILES, *drawn, *(name for name in left_alone if (folder / name).is_file())]
    with replaced_folder(folder, maker, files, left_alone):
        report(STAGE, 0, 1)
        _write_tables(analysis, folder)
        save(analysis.graph, folder / "graph.npz")
        report(STAGE, 1, 1)
        write_figures(analysis, folder / "figures", figures, width, progress=progress)
        graph, how = analysis.graph, {"figures": list(figures), "width": width}
        write_manifest(
            folder,
            {
                "maker": maker,
                "arguments": {**(source or {}), **asdict(analysis.plan), **how},
                "seed": analysis.seed,
                "inputs": [step.input_hash for step in graph.provenance if step.input_hash],
                "files": sorted(files),
            },
        )


def _write_tables(analysis: Analysis, folder: Path) -> None:
    """Summary and tables."""
    write_json(folder / "summary.json", summary(analysis))
    units = analysis.units()
    weighted = [name for name in analysis.columns if name.endswith(WEIGHTED)]  # counts stay exact
    write_table(_shortened(units, weighted), folder / "units.csv")
    others = {"modules": analysis.modules(), "links": analysis.links(), "flows": analysis.flows()}
    for name, table in others.items():
        numbers = map(str, table.select_dtypes(float))
        write_table(_shortened(table, numbers), folder / f"{name}.csv")


def _shortened(table: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """The table with these columns as exact as numbers in summary.json."""
    return table.assign(**{name: [shortened(x) for x in table[name]] for name in columns})
