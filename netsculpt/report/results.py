"""The folder of what a command found: tables, summary, figures, and a manifest, written last."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netsculpt.core.figure_style import FigureStyle
from netsculpt.core.folders import replaced_folder
from netsculpt.core.manifest import write_manifest
from netsculpt.core.progress import Progress
from netsculpt.core.writing import replacing, write_json
from netsculpt.report.csv_tables import write_table
from netsculpt.report.drawing import Drawing, write_drawings
from netsculpt.report.html.contents import NAME, figure_bytes

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Results", "write_results"]


@dataclass(frozen=True, eq=False)
class Results:
    """What is written: tables by name, a summary, figures, and files of other kinds."""

    maker: str  # the command
    tables: Mapping[str, pd.DataFrame]
    summary: Mapping[str, Any]
    drawings: Sequence[Drawing] = ()
    others: Mapping[str, Callable[[Path], object]] = field(default_factory=dict)  # what writes each
    page: Callable[[Mapping[str, bytes]], str] | None = None  # report.html, from the figures' bytes


def write_results(
    results: Results,
    folder: Path,
    *,
    arguments: Mapping[str, Any],
    seed: int | None,
    inputs: Sequence[str] = (),
    figures: FigureStyle,
    left_alone: Collection[str] = (),
    progress: Progress | None = None,
) -> None:
    """Write summary.json, a CSV file for each table, figures/ and the other files.

    `arguments`, those of the command, stand in the manifest and in the summary, and `inputs`, the
    hashes of the files that it has read, in the manifest. The manifest records how `figures`
    are drawn, too. For what happens to the files of earlier runs, those
    `left_alone` among them, see `netsculpt.core.folders.replaced_folder`. `progress` is called with
    (stage, figures drawn, figures in all).
    """
    stems = [name for name, *_ in results.drawings]
    drawn = [f"figures/{stem}.{ending}" for stem in stems for ending in figures.formats]
    tables = [f"{name}.csv" for name in results.tables]
    pages = [] if results.page is None else [NAME]
    files = ["summary.json", *tables, *results.others, *pages, *drawn, *left_alone]
    with replaced_folder(folder, results.maker, files, left_alone):
        for name, table in results.tables.items():
            write_table(table, folder / f"{name}.csv")
        for name, write in results.others.items():
            write(folder / name)
        write_json(folder / "summary.json", {**arguments, **results.summary})
        write_drawings(results.drawings, folder / "figures", figures, progress=progress)
        if results.page is not None:
            text = results.page(figure_bytes(folder / "figures", drawn))
            with replacing(folder / NAME) as file:
                file.write(text.encode())
        write_manifest(
            folder,
            {
                "maker": results.maker,
                "arguments": {**arguments, **figures.summary()},
                "seed": seed,
                "inputs": list(inputs),
                "files": sorted(files),
            },
        )
