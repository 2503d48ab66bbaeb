"""The cells of one run of a study: which are done, which are left, and how they are shared."""

from __future__ import annotations

import json
import platform
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from netsculpt.core.errors import NetsculptError
from netsculpt.core.progress import Progress
from netsculpt.core.writing import replacing
from netsculpt.studies.backends import open_workers
from netsculpt.studies.cells import Rows, each_read, read_cell, text_of
from netsculpt.studies.drivers import Driver, Progressed
from netsculpt.studies.folder import CELLS, FAILED, read_failure, write_failure
from netsculpt.studies.sharing import as_finished

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from netsculpt.studies.backends import Workers

__all__ = ["RESULTS", "Measuring", "Sharing", "raising_cell"]

Cell = TypeVar("Cell", bound="DataclassInstance")

RESULTS = ("shared", "returned")

_LOOK = 0.5  # seconds between looks at cells that other drivers have begun
_IN_CELL = "raised in the cell "  # begins the note on an error, which pickling keeps
_LONGEST_CELL = 400  # characters of a cell in a note
_DELAY = 60.0  # seconds that a network folder may take to show a new file


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


@dataclass(frozen=True)
class _Place:
    """Where a worker may write its rows."""

    cells: Path
    mark: Path  # of the driver: who sees it, sees the folder
    results: str | None


@dataclass(frozen=True)
class _Task(Generic[Cell]):
    index: int
    name: str
    cell: Cell


@dataclass(frozen=True)
class _Measured:
    text: str  # of the file of the cell; empty if it failed
    is_written: bool = False
    failure: str = ""


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
        run = partial(_measured, self.study, self.measure, self._place(), self.sharing.keep_going)
        tasks = self._tasks(left, elsewhere, workers)
        for outcome in as_finished(
            run, tasks, workers, until=self.until, waiting=partial(self._waiting, workers)
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

    def _tasks(
        self, left: Sequence[int], elsewhere: list[int], workers: Workers
    ) -> Iterator[_Task[Cell]]:
        """Cells that this driver begins; the others are noted."""
        for index in left:
            name = self.names[index]
            if self.driver and not self.driver.claim(name):
                elsewhere.append(index)
            elif self.driver and self._is_known(index):  # since the folder was read
                self.driver.release(name)
            else:
                self._sign(workers)
                yield _Task(index, name, self.cells[index])

    def _place(self) -> _Place | None:
        if self.folder is None or self.driver is None:
            return None
        return _Place(self.folder / CELLS, self.driver.path, self.sharing.results)

    def _is_known(self, index: int) -> bool:
        """Whether the folder says what has become of a cell, which is then noted."""
        if self.folder is None:
            return False
        name = self.names[index]
        path = self.folder / CELLS / name
        if path.is_file():
            self.done[index] = read_cell(path, self.study, self.cells[index])
            return True
        if self.folder.joinpath(FAILED, name).is_file():
            self.failed[index] = read_failure(self.folder, name)
            return True
        return False

    def _keep(self, task: _Task[Cell], measured: _Measured) -> None:
        if self.folder is not None and not measured.is_written:
            with replacing(self.folder / CELLS / task.name) as file:
                file.write(measured.text.encode())
            self.n_returned += 1
        self.done[task.index] = json.loads(measured.text)["rows"]
        if self.driver:
            self.driver.release(task.name)

    def _fail(self, task: _Task[Cell], reason: str) -> None:
        self.failed[task.index] = reason
        if self.folder is not None and self.driver is not None:
            write_failure(self.folder, task.name, reason)
            self.driver.release(task.name)

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


def _measured(
    study: str,
    measure: Callable[[Any], Rows],
    place: _Place | None,
    keep_going: bool,
    task: _Task[Any],
) -> _Measured:
    """Measure a cell, and write its file if the worker sees the folder."""
    try:
        text = text_of(study, task.cell, measure(task.cell))
    except Exception as error:
        if not keep_going:
            error.add_note(f"{_IN_CELL}{task.name}: {task.cell!r:.{_LONGEST_CELL}}")
            raise
        return _Measured("", failure=traceback.format_exc())
    return _Measured(text, place is not None and _is_written(place, task.name, text))


def raising_cell(error: BaseException) -> str | None:
    """Where an error came from: the file name and the fields of a cell; None: from none."""
    notes = [note for note in getattr(error, "__notes__", ()) if note.startswith(_IN_CELL)]
    return notes[0] if notes else None


def _is_written(place: _Place, name: str, text: str) -> bool:
    if place.results == "returned":
        return False
    if not place.mark.is_file():
        if place.results is None:
            return False
        _await(place)
    with replacing(place.cells / name) as file:
        file.write(text.encode())
    return True


def _await(place: _Place) -> None:
    """Wait until the folder is seen; raise if it is not."""
    begun = monotonic()
    while not place.mark.is_file():
        if monotonic() - begun > _DELAY:
            raise NetsculptError(
                f"the worker on {platform.node()} does not see {place.cells.parent}: name a folder "
                "that all workers share, or let rows be returned (--results returned)"
            )
        time.sleep(_LOOK)
