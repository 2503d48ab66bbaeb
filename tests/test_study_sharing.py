"""Cells shared among workers that die, hand back what is too much, or do not see the folder."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from netsculpt.core.errors import NetsculptError
from netsculpt.studies.backends import WorkerDiedError, open_workers
from netsculpt.studies.sharing import as_finished
from netsculpt.studies.study import Rows, Study


@dataclass(frozen=True)
class Cell:
    number: int


CELLS = [Cell(number) for number in range(8)]


def row(cell: Cell) -> Rows:
    return {"squares": [{"number": cell.number, "square": cell.number**2}]}


def noted(marks: Path, deadly: int, cell: Cell) -> Rows:
    """The worker of cell 2 dies the first time, that of the deadly one always; cell 5 fails."""
    with marks.joinpath(f"{cell.number}-{time.time_ns()}").open("w"):
        pass
    if cell.number == deadly or (cell.number == 2 and len([*marks.glob("2-*")]) == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    if cell.number == 5:
        raise ValueError("five is too many")
    return row(cell)


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    path = tmp_path / "marks"
    path.mkdir()
    return path


def begun(marks: Path) -> Counter[int]:
    return Counter(int(path.name.partition("-")[0]) for path in marks.iterdir())


def test_deaths_and_errors_are_of_one_cell(tmp_path: Path, marks: Path) -> None:
    before, out = set(multiprocessing.active_children()), tmp_path / "out"
    study = Study("squares", CELLS, partial(noted, marks, 6))
    found = study.run(out, jobs=2, keep_going=True)
    assert [row["number"] for row in found.rows["squares"]] == [0, 1, 2, 3, 4, 7]
    assert (found.n_done, found.n_left_out) == (6, 0)
    assert found.n_deaths in (4, 5), "one more if 6 was given out with others at first"
    failed = {name.partition("-")[0]: reason for name, reason in found.failed.items()}
    assert failed.keys() == {"5", "6"}
    assert "ValueError: five is too many" in failed["5"]
    assert "SIGKILL" in failed["6"]
    assert "3 times" in failed["6"]
    assert begun(marks)[2] + begun(marks)[6] == 1 + found.n_deaths
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["failed"], manifest["left_out"]) == (2, 0)
    assert manifest["worker_deaths"] == found.n_deaths
    assert {path.name for path in (out / "failed").iterdir()} == found.failed.keys()
    assert set(multiprocessing.active_children()) <= before
    again = replace(study, measure=row).run(out)
    assert (again.n_done, again.failed) == (8, {})
    assert not (out / "failed").exists()


def test_without_keep_going_an_error_is_raised(tmp_path: Path, marks: Path) -> None:
    for how in ({}, {"jobs": 2, "backend": "threading"}):
        with pytest.raises(ValueError, match="five is too many"):
            Study("squares", [CELLS[5]], partial(noted, marks, -1)).run(tmp_path, **how)
    assert not (tmp_path / "failed").exists()
    assert not (tmp_path / "drivers").exists()


@pytest.mark.parametrize(("way", "returned"), [(None, 8), ("returned", 8), ("shared", 0)])
def test_workers_that_do_not_see_the_folder(
    way: str | None, returned: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from netsculpt.studies import measuring, working

    place = measuring.Place
    monkeypatch.setattr(working, "_DELAY", 0.0)
    study, seen, hidden = Study("squares", CELLS, row), tmp_path / "seen", tmp_path / "hidden"
    study.run(seen, results=way)
    counted = json.loads((seen / "manifest.json").read_text())["returned"]
    assert counted == (8 if way == "returned" else 0)
    monkeypatch.setattr(
        measuring, "Place", lambda cells, mark, results: place(cells, tmp_path / "no", results)
    )
    if way == "shared":
        with pytest.raises(NetsculptError, match=r"does not see .*hidden.*--results returned"):
            study.run(hidden, results=way)
        return
    study.run(hidden, results=way)
    assert json.loads((hidden / "manifest.json").read_text())["returned"] == returned
    for path in (seen / "cells").iterdir():
        assert (hidden / "cells" / path.name).read_bytes() == path.read_bytes()


def test_other_ways_are_refused() -> None:
    with pytest.raises(NetsculptError, match="'mailed' is not one of shared, returned"):
        Study("squares", CELLS, row).run(results="mailed")


# ---- the loop, with workers whose time and deaths are ours --------------------------------------


class Clock:
    """A time that only passes in calls."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Fake:
    """Workers that run their calls when they are submitted, or die."""

    n, n_deaths = 2, 0

    def __init__(self, deadly: Callable[[list[int]], bool] = lambda _: False) -> None:
        self.deadly = deadly
        self.given: list[list[int]] = []

    def submit(self, call: Any) -> Future[Any]:
        chunk = call.args[1]
        self.given.append(list(chunk))
        future = Future[Any]()
        if self.deadly(chunk):
            future.set_exception(WorkerDiedError("gone"))
        else:
            future.set_result(call())
        return future


class Together(Fake):
    """One worker that has all calls at a time, and dies with them."""

    def __init__(self, deadly: Callable[[list[int]], bool]) -> None:
        super().__init__(deadly)
        self.pending: list[tuple[Future[Any], Any]] = []
        self.deaths: list[list[int]] = []

    def submit(self, call: Any) -> Future[Any]:
        future = Future[Any]()
        self.given.append(list(call.args[1]))
        self.pending.append((future, call))
        threading.Timer(0.02, self.end).start()
        return future

    def end(self) -> None:
        pending, self.pending = self.pending, []
        dies = any(self.deadly(call.args[1]) for _, call in pending)
        if dies:
            self.deaths.append([item for _, call in pending for item in call.args[1]])
        for future, call in pending:
            if dies:
                future.set_exception(WorkerDiedError("gone", 4, shared=True))
            else:
                future.set_result(call())


class Empty(Fake):
    """A cluster without workers, until one comes."""

    def __init__(self) -> None:
        super().__init__(lambda _: False)
        self.n = 0
        self.pending: list[tuple[Future[Any], Any]] = []

    def submit(self, call: Any) -> Future[Any]:
        self.pending.append((Future(), call))
        return self.pending[-1][0]

    def gets_a_worker(self) -> None:
        self.n = 1
        for future, call in self.pending:
            future.set_result(call())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("netsculpt.studies.sharing.monotonic", clock)
    return clock


def taking(clock: Clock, seconds: Callable[[int], float]) -> Callable[[int], int]:
    def run(item: int) -> int:
        clock.now += seconds(item)
        return item

    return run


def test_small_items_are_given_out_together_and_large_ones_alone(clock: Clock) -> None:
    def seconds(item: int) -> float:
        return 0.004 if item < 2000 else 4.0

    workers = Fake()
    found = [x.results[0] for x in as_finished(taking(clock, seconds), range(2010), workers)]
    assert sorted(found) == list(range(2010))
    sizes = [len(chunk) for chunk in workers.given]
    assert sizes[:3] == [1, 1, 2], "it begins carefully"
    assert 200 < max(sizes) <= 250, "a second"
    assert workers.given[-1] in ([2009], [2008]), "each large one is a chunk of its own in the end"
    assert len(sizes) < 40


def test_what_is_too_much_is_handed_back(clock: Clock) -> None:
    """Items that suddenly take a minute: a worker returns those that it has not begun."""
    workers = Fake()
    run = taking(clock, lambda item: 0.01 if item < 300 else 60.0)
    found = [x.results[0] for x in as_finished(run, range(320), workers)]
    assert sorted(found) == list(range(320))
    assert clock.now == pytest.approx(3 + 20 * 60), "none is run twice"
    begun_together = [chunk for chunk in workers.given if sum(item >= 300 for item in chunk) > 1]
    assert len(begun_together) <= 2, "handed back, then one by one"


def test_nothing_is_begun_too_late(clock: Clock) -> None:
    run = taking(clock, lambda _: 0.1)
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(1000):
            taken.append(item)
            yield item

    found = [x.results[0] for x in as_finished(run, items(), Fake(), until=2.0)]
    assert len(found) == 20
    assert clock.now == pytest.approx(2.0)
    assert len(taken) < 30, "nor taken"


def test_items_of_a_worker_that_died_are_tried_one_by_one(clock: Clock) -> None:
    workers = Fake(lambda chunk: 77 in chunk)
    run = taking(clock, lambda _: 0.01)
    found = list(as_finished(run, range(100), workers, most_deaths=4))
    (failed,) = [x for x in found if x.failure]
    assert (failed.item, failed.failure) == (77, "gone, 4 times")
    assert sorted(x.results[0] for x in found if x.results) == [x for x in range(100) if x != 77]
    assert workers.given.count([77]) == 4
    runs = Counter(item for chunk in workers.given if 77 not in chunk for item in chunk)
    assert max(runs.values()) == 1


def test_no_item_is_blamed_for_the_death_of_a_worker_that_it_shared() -> None:
    workers = Together(lambda chunk: 3 in chunk)
    found = list(as_finished(str, range(8), workers))
    assert [(x.item, x.failure) for x in found if x.failure] == [(3, "gone, 4 times")]
    assert {x.results[0] for x in found if x.results} == set("0124567")
    assert workers.deaths[-1] == [3], "it was blamed when it was there alone"
    assert len(workers.deaths[0]) > 1, "and had not been, before"


def test_errors_end_everything_and_no_process_is_left() -> None:
    before = {*multiprocessing.active_children(), *threading.enumerate()}  # of other tests
    with pytest.raises(ZeroDivisionError), open_workers(2) as workers:
        list(as_finished(partial(divmod, 1), [1, 2, 0, 3], workers))
    assert set(multiprocessing.active_children()) <= before
    managers = {x for x in threading.enumerate() if "ExecutorManager" in x.name and x.is_alive()}
    assert managers <= before


def test_workers_of_an_empty_cluster_are_waited_for(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("netsculpt.studies.sharing._LOOK", 0.01)
    workers = Empty()
    outcomes = as_finished(abs, [-1], workers, waiting=workers.gets_a_worker)
    assert [outcome.results for outcome in outcomes] == [(1,)]


def test_nothing_waits_for_workers_after_the_budget(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("netsculpt.studies.sharing._LOOK", 0.01)
    waits: list[int] = []

    def waiting() -> None:
        waits.append(1)
        clock.now += 4.0

    assert not [*as_finished(abs, [-1], Empty(), until=clock.now + 10.0, waiting=waiting)]
    assert len(waits) == 3
