"""Several drivers of one study in one folder: who has begun what, and who is still there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from netsculpt.core.errors import BusyError, FormatError
from netsculpt.core.locking import locked
from netsculpt.studies import drivers
from netsculpt.studies.drivers import CLAIMS, DRIVERS, Driver, live_drivers, running_cells
from netsculpt.studies.folder import driving
from netsculpt.studies.study import Results, Rows, Study


@dataclass(frozen=True)
class Cell:
    number: int


CELLS = [Cell(number) for number in range(40)]
OF_PLACE = ("manifest.json", "study.json")  # files that tell runs apart


def noted(marks: list[int], seconds: float, cell: Cell) -> Rows:
    marks.append(cell.number)
    time.sleep(seconds)
    return {"squares": [{"number": cell.number, "square": cell.number**2}]}


def study(marks: list[int], seconds: float = 0.0) -> Study[Cell]:
    return Study("squares", CELLS, partial(noted, marks, seconds))


def ended_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def plant(folder: Path, cells: list[str], **changed: Any) -> None:
    """A driver as another process has left it, with claims on some cells."""
    with Driver(folder) as driver:
        sign = json.loads(driver.path.read_text())
    sign |= {"name": "planted.json", **changed}
    for place in (DRIVERS, CLAIMS):
        (folder / place).mkdir(parents=True, exist_ok=True)
    path = folder / DRIVERS / "planted.json"
    path.write_text(json.dumps(sign))
    for cell in cells:
        os.link(path, folder / CLAIMS / cell)


NAMES = [study([]).file_name(cell) for cell in CELLS]


@pytest.mark.parametrize("links", [True, False])
def test_drivers_do_not_repeat_each_other(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(1, "no links here")

    if not links:
        monkeypatch.setattr(os, "link", refused)
    marks: list[int] = []
    study([]).run(tmp_path / "alone")
    with ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(study(marks, 0.005).run, tmp_path / "out") for _ in range(3)]
        found: list[Results] = [run.result() for run in runs]
    assert Counter(marks) == dict.fromkeys(range(40), 1)
    assert all(x.n_done == 40 for x in found), "each waits for the cells of the others"
    assert {str(x.rows) for x in found} == {str(found[0].rows)}
    first, second = (
        {
            p.relative_to(at): p.read_bytes()
            for p in at.rglob("*")
            if p.suffix in (".json", ".parquet")
        }
        for at in (tmp_path / "alone", tmp_path / "out")
    )
    assert first.keys() == second.keys()
    assert all(second[p] == first[p] for p in first if p.name not in OF_PLACE)
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        *("cells", "manifest.json", "squares.parquet", "study.json")
    }


def test_a_failure_of_another_driver_counts(tmp_path: Path) -> None:
    def failing(marks: list[int], cell: Cell) -> Rows:
        if cell.number == 0:
            raise ValueError("zero")
        return noted(marks, 0.01, cell)

    marks: list[int] = []
    both = replace(study([]), measure=partial(failing, marks))
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(both.run, tmp_path, keep_going=True) for _ in range(2)]
        found = [run.result() for run in runs]
    assert [list(x.failed) for x in found] == [[NAMES[0]]] * 2
    assert sorted(marks) == list(range(1, 40))


def test_a_process_that_is_gone_holds_nothing(tmp_path: Path) -> None:
    plant(tmp_path, NAMES[:5], process=ended_process())
    assert live_drivers(tmp_path) == []
    assert running_cells(tmp_path) == set()
    marks: list[int] = []
    assert study(marks).run(tmp_path).n_done == 40
    assert len(marks) == 40
    assert not (tmp_path / CLAIMS).exists()


@pytest.mark.parametrize(
    ("ago", "alive"),
    [(0.0, True), (100.0, True), (130.0, False), (float("nan"), False), (1e400, False)],
)
def test_other_machines_are_believed_for_two_minutes(
    ago: float, alive: bool, tmp_path: Path
) -> None:
    other = {"machine": "elsewhere", "host": "elsewhere", "last": time.time() - ago}
    plant(tmp_path, NAMES[:5], process=ended_process(), **other)
    assert len(live_drivers(tmp_path)) == alive
    assert running_cells(tmp_path) == (set(NAMES[:5]) if alive else set())
    marks: list[int] = []
    found = study(marks).run(tmp_path, budget_minutes=0.02 if alive else None)
    assert found.n_left_out == (5 if alive else 0)
    assert sorted(marks) == list(range(5 if alive else 0, 40))


def test_claims_are_taken_over_while_others_are_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver dies while this one waits for its cells."""
    plant(tmp_path, NAMES[:5], machine="elsewhere", last=time.time())
    marks: list[int] = []
    monkeypatch.setattr(drivers, "_TRUSTED", 0.0)
    timer = threading.Timer(0.3, (tmp_path / DRIVERS / "planted.json").unlink)
    timer.start()
    assert study(marks).run(tmp_path).n_done == 40
    assert sorted(marks) == list(range(40))
    assert sorted(marks[-5:]) == list(range(5))


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"name": 5}', "\x00", '"x"', "[" * 9999])
def test_damaged_drivers_and_claims_hold_nothing_for_long(content: str, tmp_path: Path) -> None:
    for place in (DRIVERS, CLAIMS):
        (tmp_path / place).mkdir()
        (tmp_path / place / NAMES[0]).write_text(content)
    marks: list[int] = []
    assert live_drivers(tmp_path) == []
    assert study(marks).run(tmp_path).n_done == 40


def test_a_driver_that_was_suspended_appears_again(tmp_path: Path) -> None:
    with Driver(tmp_path) as driver:
        driver.path.unlink()
        (tmp_path / CLAIMS).rmdir()
        assert driver.claim("a.json")
        assert [sign.name for sign in live_drivers(tmp_path)] == [driver.name]
        assert running_cells(tmp_path) == {"a.json"}


def test_a_driver_gives_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drivers, "_EVERY", 0.01)
    with Driver(tmp_path) as driver:
        driver.progressed = replace(driver.progressed, done=7)
        deadline = time.monotonic() + 20
        while live_drivers(tmp_path)[0].progressed.done != 7:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_another_study_and_another_writer_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("netsculpt.core.locking._PATIENCE", 0.05)
    with driving(tmp_path, "squares", NAMES):
        with pytest.raises(FormatError, match="holds the cells of 'squares', not of 'cubes'"):
            replace(study([]), name="cubes").run(tmp_path)
        with locked(tmp_path), pytest.raises(BusyError, match=f"process {os.getpid()}"):
            study([]).run(tmp_path)


def test_half_written_files_of_live_drivers_are_left_alone(tmp_path: Path) -> None:
    half = tmp_path / "cells" / f".x.json.{'0' * 32}.part"
    with driving(tmp_path, "squares", NAMES):
        half.touch()
        study([]).run(tmp_path)
        assert half.exists()
    study([]).run(tmp_path)
    assert not half.exists()
