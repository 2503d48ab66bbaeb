"""A study: a grid of cells, each measured once, and tables of their rows.

How its folder looks: see `netsculpt.studies.folder`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, BinaryIO, Generic, TypeVar

from netsculpt.core.errors import FormatError
from netsculpt.core.manifest import write_manifest
from netsculpt.core.numbers import checked_number
from netsculpt.core.progress import Progress
from netsculpt.core.writing import replacing
from netsculpt.studies.begun import read_begun
from netsculpt.studies.cells import file_name, file_names
from netsculpt.studies.folder import driving, require_replaceable_tables, writing_tables
from netsculpt.studies.measuring import Measuring, Sharing
from netsculpt.studies.rows import Rows, checked_table_name

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from pandas import DataFrame

__all__ = ["Results", "Rows", "Study"]

Cell = TypeVar("Cell", bound="DataclassInstance")


@dataclass(frozen=True, eq=False)
class Results:
    """Rows of all cells that are done, in the order of the cells, and tables made from them."""

    rows: Mapping[str, list[Mapping[str, Any]]]  # by table
    n_cells: int
    n_left_out: int  # not begun within the budget
    tables: Mapping[str, DataFrame]
    failed: Mapping[str, str] = field(default_factory=dict)  # why, by the name of the cell's file
    n_deaths: int = 0  # of workers, most of whose cells others have measured
    notes: tuple[str, ...] = ()  # on what earlier runs have left in the folder

    @property
    def n_done(self) -> int:
        """Cells whose rows are here."""
        return self.n_cells - self.n_left_out - len(self.failed)


@dataclass(frozen=True, eq=False)
class Study(Generic[Cell]):
    """What is measured on which cells.

    >>> @dataclass(frozen=True)
    ... class Power:
    ...     base: int
    ...     exponent: int
    >>> cells = [Power(base, exponent) for base in (2, 3) for exponent in (1, 2)]
    >>> def measure(cell):
    ...     return {"powers": [{"base": cell.base, "power": cell.base**cell.exponent}]}
    >>> results = Study("powers", cells, measure).run()
    >>> [row["power"] for row in results.rows["powers"]]
    [2, 4, 3, 9]
    """

    name: str
    cells: Sequence[Cell]  # frozen dataclasses of plain values: all that their rows depend on
    measure: Callable[[Cell], Rows]  # rows of plain values and arrays, by table
    tables: Callable[[Mapping[str, DataFrame]], Mapping[str, DataFrame]] | None = None
    documents: tuple[str, ...] = ()  # tables that are written as Markdown, too
    about: Mapping[str, Any] = field(default_factory=dict)  # for the manifest

    def run(
        self,
        folder: str | Path | None = None,
        *,
        jobs: int = 1,
        backend: str | None = None,
        address: str | None = None,
        results: str | None = None,
        keep_going: bool = False,
        budget_minutes: float | None = None,
        progress: Progress | None = None,
    ) -> Results:
        """Measure the cells that have no file yet; write tables of all, and the manifest.

        Several processes may run one study in one folder, on any machines that see it: each takes
        cells that no other has begun, and returns when all are done. A cell whose worker dies is
        measured again; at the third death it has failed, and the others go on.

        Warns if the last run in the folder had the same cells, but another `about`.

        Parameters
        ----------
        folder
            Where everything is written. Default: nothing is written, and every cell is measured.
        jobs, backend, address
            Who shares the cells: see `netsculpt.studies.backends.open_workers`. No result depends
            on them.
        results
            How rows come to the folder: "shared", written by workers, which must see it;
            "returned", written by this process. Default: each worker writes if it sees the folder.
        keep_going
            Count a cell that raises an error as failed, instead of raising it here, with a note
            that names the cell.
        budget_minutes
            No cell is begun later; the same call finishes what was left out.
        progress
            Called after every cell; and first, if some are done already.

        Raises
        ------
        FormatError
            If there are no cells, or two with the same fields; if rows or tables cannot be kept;
            if files of these cells are damaged or belong to others, or the folder holds links or
            the results of another study.
        FolderError
            If it is a file.
        BusyError
            If something that is not this study is writing the folder.
        """
        if budget_minutes is not None:
            checked_number(budget_minutes, "budget_minutes", least=0)
        until = math.inf if budget_minutes is None else monotonic() + 60 * budget_minutes
        names = file_names(self.name, self.cells)
        sharing = Sharing(jobs, backend, address, results, keep_going)
        place = None if folder is None else Path(folder).absolute()
        with ExitStack() as stack:
            driver = None
            if place is not None:
                driver = stack.enter_context(driving(place, self.name, names, self.about))
            measuring = Measuring(
                self.name, self.cells, names, self.measure, sharing, place, driver, until, progress
            )
            measuring.finish()
            found = self._results(measuring)
            if place is None or driver is None:
                return found
            found = replace(found, notes=driver.notes)
            with writing_tables(place, driver):
                return self._write(found, measuring, place)

    def file_name(self, cell: Cell) -> str:
        """Name of a cell's file: the plain fields of the cell, and a hash of all of it."""
        return file_name(self.name, cell)

    def _results(self, measuring: Measuring[Cell]) -> Results:
        rows: dict[str, list[Mapping[str, Any]]] = {}
        for index in sorted(measuring.done):
            for table, table_rows in measuring.done[index].items():
                rows.setdefault(table, []).extend(table_rows)
        failed = {
            measuring.names[index]: measuring.failed[index] for index in sorted(measuring.failed)
        }
        n_left_out = len(self.cells) - len(measuring.done) - len(failed)
        return Results(rows, len(self.cells), n_left_out, {}, failed, measuring.n_deaths)

    def _tables(self, frames: Mapping[str, DataFrame]) -> dict[str, DataFrame]:
        """What the study's own function makes of the rows, which is checked."""
        from pandas import DataFrame

        if self.tables is None or not frames:
            return {}
        tables = self.tables(frames)
        if not isinstance(tables, Mapping) or not all(
            isinstance(table, DataFrame) for table in tables.values()
        ):
            raise FormatError(
                f"the function that makes the tables of {self.name!r:.40} returned {tables!r:.80}: "
                "DataFrames by name are needed"
            )
        return {checked_table_name(name): table for name, table in tables.items()}

    def _write(self, results: Results, measuring: Measuring[Cell], folder: Path) -> Results:
        """Rows as parquet, tables as CSV, documents as Markdown, and the manifest."""
        from pandas import DataFrame

        frames = {name: DataFrame(rows) for name, rows in results.rows.items()}
        tables = self._tables(frames)
        documents = [name for name in self.documents if name in tables]
        files = [f"{name}.parquet" for name in frames] + [f"{name}.csv" for name in tables]
        files += [f"{name}.md" for name in documents]
        require_replaceable_tables(folder, files)
        for name, frame in frames.items():
            with replacing(folder / f"{name}.parquet") as file:
                _write_parquet(name, frame, file)
        for name, table in tables.items():
            with replacing(folder / f"{name}.csv") as file:
                table.to_csv(file, index=False)
        for name in documents:
            with replacing(folder / f"{name}.md") as file:
                file.write(_markdown(tables[name]).encode())
        counts = {
            "cells": results.n_cells,
            "left_out": results.n_left_out,
            "failed": len(results.failed),
            "worker_deaths": results.n_deaths,
            "returned": measuring.n_returned,
        }
        begun = read_begun(folder)
        earlier = {"earlier_runs": begun.earlier} if begun and begun.earlier else {}
        about = {"analysis": self.name, **self.about, **earlier, **counts, "files": sorted(files)}
        write_manifest(folder, about)
        return replace(results, tables={**frames, **tables})


def _write_parquet(name: str, frame: DataFrame, file: BinaryIO) -> None:
    try:
        frame.to_parquet(file, index=False)
    except (TypeError, ValueError, OverflowError, NotImplementedError) as error:  # of pyarrow
        raise FormatError(
            f"table {name!r} cannot be written as parquet ({error}): mend the function that "
            "measures, and delete those files in cells/ that are wrong: their cells are run again"
        ) from None


def _markdown(table: DataFrame) -> str:
    head = [str(name) for name in table.columns]
    lines = [head, ["---"] * len(head), *table.astype(str).fillna("").to_numpy().tolist()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
