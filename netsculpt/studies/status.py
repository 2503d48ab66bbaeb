"""What the folder of a study holds, read by somebody who does not run it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from netsculpt.core.errors import FormatError
from netsculpt.core.printable import printable
from netsculpt.studies.begun import STUDY, Begun, read_begun
from netsculpt.studies.cells import each_read, is_intact, read_rows
from netsculpt.studies.drivers import Sign, live_drivers, running_cells
from netsculpt.studies.folder import CELLS, FAILED, PLAN, read_failure

__all__ = ["Status", "begun_study", "rows_so_far", "status"]


@dataclass(frozen=True, eq=False)
class Status:
    """How far a study has come."""

    begun: Begun
    n_done: int
    n_running: int  # begun by a driver that is alive
    failed: Mapping[str, str]  # why, by the name of the cell's file
    damaged: Mapping[str, str]  # the same of files of cells that cannot be read
    drivers: tuple[Sign, ...]  # that are alive

    @property
    def n_cells(self) -> int:
        """All cells."""
        return len(self.begun.cells)

    @property
    def n_left(self) -> int:
        """Cells that nobody has begun."""
        ended = self.n_done + len(self.failed) + len(self.damaged)
        return self.n_cells - ended - self.n_running

    @property
    def seconds_left(self) -> float | None:
        """Until all cells are done, at the mean pace of each driver; None: unknown."""
        paces = (
            driver.progressed.done / max(driver.last - driver.since, 1e-3)
            for driver in self.drivers
        )
        pace = sum(paces)
        return (self.n_left + self.n_running) / pace if pace > 0 else None

    def summary(self) -> dict[str, Any]:
        """Plain values, JSON-able."""
        drivers = [
            {
                "process": driver.process,
                "host": driver.host,
                "command": driver.command,
                "since": driver.since,
                "last": driver.last,
                "workers": driver.progressed.workers,
                "done": driver.progressed.done,
                "worker_deaths": driver.progressed.deaths,
            }
            for driver in self.drivers
        ]
        return {
            "schema": "netsculpt.study_status/1",
            "study": self.begun.study,
            "cells": self.n_cells,
            "done": self.n_done,
            "running": self.n_running,
            "failed": dict(self.failed),
            "damaged": dict(self.damaged),
            "left": self.n_left,
            "seconds_left": self.seconds_left,
            "drivers": drivers,
            "resume": self.begun.line,
        }


def status(folder: str | Path) -> Status:
    """How far the study in a folder has come; nothing is changed, and no lock is needed.

    Of the file of each cell only the two ends are looked at, unless they look wrong.

    Raises
    ------
    FormatError
        If the folder holds no study, or ``study.json`` is damaged.
    """
    folder = Path(folder)
    begun = begun_study(folder)
    present = _names(folder / CELLS).intersection(begun.cells)
    failed = _names(folder / FAILED).intersection(begun.cells) - present
    running = running_cells(folder).intersection(begun.cells) - present - failed
    damaged = dict(_damaged(folder, begun.study, sorted(present)))
    reasons = {name: read_failure(folder, name) for name in begun.cells if name in failed}
    drivers = tuple(live_drivers(folder))
    return Status(begun, len(present) - len(damaged), len(running), reasons, damaged, drivers)


def rows_so_far(folder: str | Path) -> dict[str, list[Mapping[str, Any]]]:
    """Rows of the cells that are done, by table, in the order of the cells.

    Raises
    ------
    FormatError
        If the folder holds no study, or files of cells are damaged, which are all named.
    """
    folder = Path(folder)
    begun = begun_study(folder)
    done = _names(folder / CELLS)
    paths = (folder / CELLS / name for name in begun.cells if name in done)
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for of_cell in each_read(paths, partial(read_rows, study=begun.study)):
        for table, values in of_cell.items():
            rows.setdefault(table, []).extend(values)
    return rows


def begun_study(folder: Path) -> Begun:
    """What a folder says about the study in it; for errors see `status`."""
    begun = read_begun(folder)
    if begun is not None:
        return begun
    if folder.joinpath(PLAN).is_file():
        raise FormatError(
            printable(
                f"{folder} holds a sculpting, whose state is in rounds/: 'netsculpt study resume "
                f"{folder}' continues it"
            )
        )
    raise FormatError(
        printable(
            f"{folder} holds no study (no {STUDY}): name the folder of one; studies of older "
            "versions write the file when they are run again"
        )
    )


def _damaged(folder: Path, study: str, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Files of cells that cannot be read, and why."""
    for name in names:
        path = folder / CELLS / name
        if not is_intact(path, study):
            try:
                read_rows(path, study)
            except FormatError as error:
                yield name, str(error)


def _names(folder: Path) -> set[str]:
    """Names of the JSON files in a folder, which may be missing."""
    return {path.name for path in folder.glob("*.json")}
