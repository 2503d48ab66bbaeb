"""A study: a grid of cells, each measured once, and tables of their rows.

cells/mlp-snip-0.1-0-93af….json   rows of one cell; a cell with a file is not run again
networks.parquet, rates.csv       rows of all cells, and tables made from them
manifest.json                     configuration, versions and counts; written last
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from netsculpt.core.errors import FormatError
from netsculpt.core.locking import held
from netsculpt.core.manifest import write_manifest
from netsculpt.core.numbers import checked_number
from netsculpt.core.progress import Progress
from netsculpt.core.version import __version__
from netsculpt.core.writing import replacing
from netsculpt.studies.backends import as_finished
from netsculpt.studies.folder import require_own, require_replaceable_tables

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from pandas import DataFrame

__all__ = ["Results", "Rows", "Study"]

Rows = Mapping[str, Sequence[Mapping[str, Any]]]  # by table
Cell = TypeVar("Cell", bound="DataclassInstance")
_Task = tuple[int, Any, Mapping[str, Any], Path | None]  # index, cell, head of its file, its path

_LONGEST_LABEL = 100


@dataclass(frozen=True, eq=False)
class Results:
    """Rows of all cells that are done, in the order of the cells, and tables made from them."""

    rows: Mapping[str, list[Mapping[str, Any]]]  # by table
    n_cells: int
    n_left_out: int  # not begun within the budget
    tables: Mapping[str, DataFrame]

    @property
    def n_done(self) -> int:
        """Cells whose rows are here."""
        return self.n_cells - self.n_left_out


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
        folder: Path | None = None,
        *,
        jobs: int = 1,
        backend: str | None = None,
        address: str | None = None,
        budget_minutes: float | None = None,
        progress: Progress | None = None,
    ) -> Results:
        """Measure the cells that have no file yet; write tables of all, and the manifest.

        Parameters
        ----------
        folder
            Where everything is written; on a cluster, a folder that all workers see. Default:
            nothing is written, and every cell is measured.
        jobs, backend, address
            Who shares the cells: see `netsculpt.studies.backends.as_finished`. No result depends
            on them.
        budget_minutes
            No cell is begun later; the same call finishes what was left out.
        progress
            Called after every cell.

        Raises
        ------
        FormatError
            If a file in ``cells/`` is damaged or belongs to another cell, or the folder holds
            links, the results of another study, or files but no study.
        BusyError
            If another process runs a study in the folder.
        """
        if budget_minutes is not None:
            checked_number(budget_minutes, "budget_minutes", least=0)
        with ExitStack() as stack:
            if folder is not None:
                require_own(folder, self.name)
                folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(held(folder))
            return self._run(folder, jobs, backend, address, budget_minutes, progress)

    def _run(
        self,
        folder: Path | None,
        jobs: int,
        backend: str | None,
        address: str | None,
        budget_minutes: float | None,
        progress: Progress | None,
    ) -> Results:
        deadline = math.inf if budget_minutes is None else time.time() + 60 * budget_minutes
        done, pending = dict[int, Rows](), list[_Task]()
        for index, cell in enumerate(self.cells):
            path = None if folder is None else folder / "cells" / self.file_name(cell)
            if path is not None and path.is_file():
                done[index] = self._read(path, cell)
            else:
                pending.append((index, cell, self._header(cell), path))
        run_one = partial(_run_one, self.measure, deadline)
        finished = as_finished(run_one, pending, jobs=jobs, backend=backend, address=address)
        for count, (index, text) in enumerate(finished, start=len(done) + 1):
            if text is not None:
                done[index] = json.loads(text)["rows"]
            if progress:
                progress("cells", count, len(self.cells))
        rows: dict[str, list[Mapping[str, Any]]] = {}
        for index in sorted(done):
            for table, table_rows in done[index].items():
                rows.setdefault(table, []).extend(table_rows)
        results = Results(rows, len(self.cells), len(self.cells) - len(done), {})
        return results if folder is None else self._write(results, folder)

    def file_name(self, cell: Cell) -> str:
        """Name of a cell's file: the plain fields of the cell, and a hash of all of it."""
        content = asdict(cell)
        plain = (str(value) for value in content.values() if type(value) in (str, int, float))
        label = re.sub(r"[^\w.+-]+", "-", "-".join(filter(None, plain)))[:_LONGEST_LABEL]
        identity = _json([self.name, content])
        return f"{label}-{hashlib.sha256(identity.encode()).hexdigest()[:10]}.json"

    def _header(self, cell: Cell) -> dict[str, Any]:
        return {"schema": "netsculpt.cell/1", "study": self.name, "cell": asdict(cell)}

    def _read(self, path: Path, cell: Cell) -> Rows:
        remedy = "delete it, and its cell is run again"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            stored = content.pop("rows")
            rows: Rows = {table: list(values) for table, values in stored.items()}
            del content["netsculpt"]
            if content.pop("sha256") != _sha256(stored):
                raise ValueError("its rows were edited, or are of another version")
        except (OSError, ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
            raise FormatError(f"{path} is not the file of a cell ({error}): {remedy}") from None
        if content != json.loads(_json(self._header(cell))):
            raise FormatError(f"{path} is the file of another cell or study: {remedy}")
        return rows

    def _write(self, results: Results, folder: Path) -> Results:
        """Rows as parquet, tables as CSV, documents as Markdown, and the manifest."""
        from pandas import DataFrame

        frames = {name: DataFrame(rows) for name, rows in results.rows.items()}
        tables = dict(self.tables(frames)) if self.tables and frames else {}
        documents = [name for name in self.documents if name in tables]
        files = [f"{name}.parquet" for name in frames] + [f"{name}.csv" for name in tables]
        files += [f"{name}.md" for name in documents]
        require_replaceable_tables(folder, files)
        for name, frame in frames.items():
            with replacing(folder / f"{name}.parquet") as file:
                frame.to_parquet(file, index=False)
        for name, table in tables.items():
            with replacing(folder / f"{name}.csv") as file:
                table.to_csv(file, index=False)
        for name in documents:
            with replacing(folder / f"{name}.md") as file:
                file.write(_markdown(tables[name]).encode())
        counts = {"cells": results.n_cells, "left_out": results.n_left_out}
        about = {"analysis": self.name, **self.about, **counts, "files": sorted(files)}
        write_manifest(folder, about)
        return Results(results.rows, results.n_cells, results.n_left_out, {**frames, **tables})


def _run_one(
    measure: Callable[[Any], Rows], deadline: float, task: _Task
) -> tuple[int, str | None]:
    """Measure a cell and write its file, unless it is too late; return its index and the text."""
    index, cell, header, path = task
    if time.time() >= deadline:
        return index, None
    rows = json.loads(json.dumps(measure(cell), default=_plain))
    content = {**header, "netsculpt": __version__, "sha256": _sha256(rows), "rows": rows}
    text = json.dumps(content, default=_plain)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(text.encode())
    return index, text


def _sha256(rows: Any) -> str:
    """Fingerprint of rows, as they are read back."""
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _json(value: Any) -> str:
    return json.dumps(value, default=_plain, sort_keys=True)


def _plain(value: Any) -> Any:
    """Arrays and their scalars as lists and numbers; paths as text."""
    if isinstance(value, Path):
        return str(value)
    if not hasattr(value, "tolist"):
        raise TypeError(f"cannot keep a {type(value).__name__}: give plain values, arrays or paths")
    return value.tolist()


def _markdown(table: DataFrame) -> str:
    head = [str(name) for name in table.columns]
    lines = [head, ["---"] * len(head), *table.astype(str).fillna("").to_numpy().tolist()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
