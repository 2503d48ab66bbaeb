"""The cells of one run of a study: which are done, which are left, and how they are shared."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Generic, TypeVar

from netsculpt.core.errors import NetsculptError
from netsculpt.core.progress import Progress
from netsculpt.core.writing import replacing
from netsculpt.studies.backends import open_workers
from netsculpt.studies.cells import each_read, read_cell
from netsculpt.studies.drivers import Driver, Progressed
from netsculpt.studies.folder import CELLS, FAILED, read_failure, write_failure
from netsculpt.studies.rows import Kinds, Rows
from netsculpt.studies.sharing import as_finished
from netsculpt.studies.working import Assignment, Measured, Place, measured_cell

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from netsculpt.studies.backends import Workers

__all__ = ["RESULTS", "Measuring", "Sharing"]

Cell = TypeVar("Cell", bound="DataclassInstance")

RESULTS = ("shared", "returned")

_LOOK = 0.5  # seconds between looks at cells that other drivers have begun


@dataclass(frozen=True)
class Sharing:
    """Who measures the cells, and how their rows come back: see `Study.run`."""

    jobs: int = 1
    backend: str | None = None
    address: str | None = None
    results: str | None = None
    keep_going: bool = False

    def __post_init__(self) -> None:
        if self.results is not None and self.results not in RESULTS:
            raise NetsculptError(f"results {self.results!r} is not one of {', '.join(RESULTS)}")


@dataclass(eq=False)
class Measuring(Generic[Cell]):
    """A run of a study; `done` and `failed` grow, by the index of the cell."""

    study: str
    cells: Sequence[Cell]
    names: Sequence[str]  # of their files
    measure: Callable[[Cell], Rows]
    sharing: Sharing
    folder: Path | None
    driver: Driver | None
    until: float  # by `time.monotonic`; nothing is begun later, nor waited for
    progress: Progress | None

    def __post_init__(self) -> None:
        self.done: dict[int, Rows] = {}
        self._kinds = Kinds()
        self.failed: dict[int, str] = {}
        self.n_deaths = self.n_returned = 0
        self._n_own = 0  # cells that were measured here

    def finish(self) -> None:
        """Measure what is left, and wait for what other drivers measure."""
        known = each_read(range(len(self.cells)), self._is_known)
        left = [index for index, is_known in enumerate(known) if not is_known]
        if not left:
            return
        if self.progress and len(left) < len(self.cells):
            self.progress("cells", len(self.cells) - len(left), len(self.cells))
        how = self.sharing
        with open_workers(how.jobs, how.backend, how.address) as workers:
            while left and monotonic() < self.until:
                left = self._round(left, workers)
            self.n_deaths = workers.n_deaths

    def _round(self, left: Sequence[int], workers: Workers) -> list[int]:
        """Measure the cells that nobody else has begun; return the others."""
        elsewhere: list[int] = []
        run = partial(
            measured_cell, self.study, self.measure, self._place(), self.sharing.keep_going
        )
        assignments = self._assignments(left, elsewhere, workers)
        for outcome in as_finished(
            run, assignments, workers, until=self.until, waiting=partial(self._waiting, workers)
        ):
            self._n_own += 1
            failure = outcome.failure
            for measured in outcome.results:
                failure = measured.failure
                if not failure:
                    self._keep(outcome.item, measured)
            if failure:
                self._fail(outcome.item, failure)
            self._report(workers)
        others = [index for index in elsewhere if not self._is_known(index)]
        if others and len(others) == len(left):  # nothing to do but to wait
            time.sleep(min(_LOOK, max(0.0, self.until - monotonic())))
        if len(others) < len(elsewhere):
            self._report(workers)
        return others

    def _assignments(
        self, left: Sequence[int], elsewhere: list[int], workers: Workers
    ) -> Iterator[Assignment[Cell]]:
        """Cells that this driver begins; the others are noted."""
        for index in left:
            name = self.names[index]
            if self.driver and not self.driver.claim(name):
                elsewhere.append(index)
            elif self.driver and self._is_known(index):  # since the folder was read
                self.driver.release(name)
            else:
                self._sign(workers)
                yield Assignment(index, name, self.cells[index])

    def _place(self) -> Place | None:
        if self.folder is None or self.driver is None:
            return None
        return Place(self.folder / CELLS, self.driver.path, self.sharing.results)

    def _is_known(self, index: int) -> bool:
        """Whether the folder says what has become of a cell, which is then noted."""
        if self.folder is None:
            return False
        name = self.names[index]
        path = self.folder / CELLS / name
        if path.is_file():
            self._note(index, read_cell(path, self.study, self.cells[index]))
            return True
        if self.folder.joinpath(FAILED, name).is_file():
            self.failed[index] = read_failure(self.folder, name)
            return True
        return False

    def _keep(self, assignment: Assignment[Cell], measured: Measured) -> None:
        if self.folder is not None and not measured.is_written:
            with replacing(self.folder / CELLS / assignment.name) as file:
                file.write(measured.text.encode())
            self.n_returned += 1
        if self.driver:
            self.driver.release(assignment.name)
        self._note(assignment.index, json.loads(measured.text)["rows"])

    def _note(self, index: int, rows: Rows) -> None:
        if self.folder is not None:  # files of tables need one kind in a column
            self._kinds.note(rows, self.names[index])
        self.done[index] = rows

    def _fail(self, assignment: Assignment[Cell], reason: str) -> None:
        self.failed[assignment.index] = reason
        if self.folder is not None and self.driver is not None:
            write_failure(self.folder, assignment.name, reason)
            self.driver.release(assignment.name)

    def _report(self, workers: Workers) -> None:
        self._say("cells", workers)

    def _waiting(self, workers: Workers) -> None:
        self._say("the cluster has no workers: waiting for one; cells", workers)

    def _say(self, stage: str, workers: Workers) -> None:
        self._sign(workers)
        if self.progress:
            self.progress(stage, len(self.done) + len(self.failed), len(self.cells))

    def _sign(self, workers: Workers) -> None:
        """Let others know how far this driver is."""
        if self.driver:
            self.driver.progressed = Progressed(
                workers=workers.n,
                running=self.driver.n_claimed,
                done=self._n_own,
                failed=len(self.failed),
                deaths=workers.n_deaths,
            )
