"""``netsculpt study``: the folder of a study looked at from outside."""

from __future__ import annotations

import io
import json
import os
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from commands import cli

from netsculpt.core.errors import FormatError
from netsculpt.report.terminal import progress_lines as lines
from netsculpt.report.terminal.study import print_status
from netsculpt.studies.begun import STUDY
from netsculpt.studies.drivers import Progressed
from netsculpt.studies.folder import driving, write_failure
from netsculpt.studies.sculpting import SweepConfig, sweep
from netsculpt.studies.status import status
from netsculpt.studies.study import Rows, Study


@dataclass(frozen=True)
class Cell:
    number: int


CELLS = [Cell(number) for number in range(12)]


def row(cell: Cell) -> Rows:
    if cell.number == 11:
        raise ValueError("eleven\nis [red]too[/red] many")
    return {"squares": [{"number": cell.number, "square": cell.number**2}], "ones": [{"one": 1}]}


SQUARES = Study("squares", CELLS, row)
NAMES = [SQUARES.file_name(cell) for cell in CELLS]


@pytest.fixture
def at_work(tmp_path: Path) -> Iterator[Path]:
    """A study of which six cells are done and one has failed, whose driver runs two others."""
    out = tmp_path / "out"
    replace(SQUARES, cells=CELLS[:6]).run(out)
    out.joinpath("manifest.json").unlink()
    with driving(out, "squares", NAMES) as driver:
        write_failure(out, NAMES[11], "Traceback\nValueError: [red]too[/red] many")
        driver.claim(NAMES[6])
        driver.claim(NAMES[7])
        driver.progressed = Progressed(workers=2, running=2, done=6, failed=1, deaths=3)
        sign = json.loads(driver.path.read_text())
        sign |= {"since": sign["last"] - 30.0, "progressed": vars(driver.progressed)}
        driver.path.write_text(json.dumps(sign))
        yield out


def test_status_of_a_study_at_work(at_work: Path) -> None:
    shown = cli("study", "status", at_work)
    assert shown.returncode == 0, shown.stderr
    assert "12: 6 done · 2 running · 1 failed · 3 left" in shown.stdout
    assert "about 25 s" in shown.stdout, "five cells of five seconds"
    assert f"process {os.getpid()}" in shown.stdout
    assert "2 workers, 6 cells done, 3 workers died" in shown.stdout
    assert "ValueError: [red]too[/red] many" in shown.stdout
    assert "It goes on with" not in shown.stdout
    summary = json.loads(cli("study", "status", at_work, "--json").stdout)
    counts = {name: summary[name] for name in ("cells", "done", "running", "left")}
    assert counts == {"cells": 12, "done": 6, "running": 2, "left": 3}
    assert list(summary["failed"]) == [NAMES[11]]
    assert summary["seconds_left"] == pytest.approx(25)
    assert summary["drivers"][0]["worker_deaths"] == 3


def test_tables_of_a_study_at_work(at_work: Path, tmp_path: Path) -> None:
    expected = pd.DataFrame({"number": range(6), "square": [x**2 for x in range(6)]})
    for name in ("x.csv", "x.parquet"):
        path = tmp_path / "new" / name
        assert cli("study", "table", at_work, "--table", "squares", "-o", path).returncode == 0
        read = pd.read_csv if path.suffix == ".csv" else pd.read_parquet
        pd.testing.assert_frame_equal(read(path), expected)
    printed = cli("study", "table", at_work, "--table", "squares").stdout
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(printed)), expected)
    for options, message in (
        ([], "there are several tables: name one of 'squares', 'ones'"),
        (["--table", "cubes"], "'cubes' is not a table"),
        (["-o", "x.xlsx"], "csv or .parquet is needed"),
    ):
        run = cli("study", "table", at_work, *options)
        assert run.returncode == 2
        assert message in " ".join(run.stderr.replace("│", " ").split())


def test_status_and_resume_of_an_interrupted_study(tmp_path: Path) -> None:
    def interrupted(cell: Cell) -> Rows:
        if cell.number == 4:
            raise KeyboardInterrupt
        return row(cell)

    with pytest.raises(KeyboardInterrupt):
        replace(SQUARES, measure=interrupted).run(tmp_path)
    found = status(tmp_path)
    assert (found.n_done, found.n_running, found.n_left, found.seconds_left) == (4, 0, 8, None)
    assert found.drivers == ()
    line = cli("study", "resume", tmp_path).stdout.strip()
    before, _, command = line.partition(" && ")
    assert shlex.split(before) == ["cd", str(Path.cwd())]
    assert shlex.split(command) == sys.orig_argv
    assert f"It goes on with: {line}" in cli("study", "status", tmp_path).stdout
    assert cli("study", "table", tmp_path, "--table", "ones").stdout.split() == ["one", *"1111"]


def test_a_study_that_is_done(tmp_path: Path) -> None:
    replace(SQUARES, cells=CELLS[:3]).run(tmp_path)
    run = cli("study", "resume", tmp_path)
    assert "no cell is left to do" in run.stderr
    assert "It goes on with" not in cli("study", "status", tmp_path).stdout


@pytest.mark.slow
def test_resume_finishes_a_sculpting(tmp_path: Path) -> None:
    config = SweepConfig("input-separable", (4, 6, 4), (0,), epochs=1)
    sweep(config, tmp_path / "whole", detectors=[])
    sweep(config, tmp_path / "out", detectors=[])
    for name in ("runs.csv", "summary.json"):
        tmp_path.joinpath("out", name).unlink()
    assert cli("study", "resume", tmp_path / "out").returncode == 0
    runs = [tmp_path.joinpath(name, "runs.csv").read_bytes() for name in ("out", "whole")]
    assert runs[0] == runs[1]
    for command in ("status", "table"):
        run = cli("study", command, tmp_path / "out")
        assert (run.returncode, "netsculpt study resume" in run.stderr) == (
            FormatError.exit_code,
            True,
        )


@pytest.mark.parametrize("command", ["status", "table", "resume"])
def test_folders_without_a_study(command: str, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        run = cli("study", command, folder)
        assert run.returncode == FormatError.exit_code
        assert "holds no study (no study.json)" in run.stderr


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 9999,
        b'{"schema": "netsculpt.study/1"}',
        {"cells": ["../x.json"]},
        {"cells": [5]},
        {"command": 5},
        {"folder": 5},
        {"schema": "netsculpt.study/9"},
    ],
)
def test_damaged_descriptions(content: bytes | dict[str, object], tmp_path: Path) -> None:
    SQUARES_3 = replace(SQUARES, cells=CELLS[:3])
    SQUARES_3.run(tmp_path)
    path = tmp_path / STUDY
    if isinstance(content, dict):
        content = json.dumps(json.loads(path.read_text()) | content).encode()
    path.write_bytes(content)
    run = cli("study", "status", tmp_path)
    assert run.returncode == FormatError.exit_code
    assert "study.json cannot be read" in run.stderr
    with pytest.raises(FormatError, match="remove it"):
        SQUARES_3.run(tmp_path)


def test_damaged_cells_are_named(tmp_path: Path) -> None:
    replace(SQUARES, cells=CELLS[:3]).run(tmp_path)
    for name in NAMES[1:3]:
        tmp_path.joinpath("cells", name).write_text("{}")
    for command in (("table", tmp_path, "--table", "ones"), ("resume", tmp_path)):
        run = cli("study", *command)
        assert (run.returncode, run.stdout) == (FormatError.exit_code, "")
        assert [name in run.stderr for name in NAMES[:3]] == [False, True, True]
    shown = cli("study", "status", tmp_path).stdout
    assert "1 done · 0 running · 0 failed · 0 left · 2 damaged" in shown
    assert "delete it, and its cell is run again" in " ".join(shown.split())
    assert list(json.loads(cli("study", "status", tmp_path, "--json").stdout)["damaged"]) == [
        *sorted(NAMES[1:3])
    ]


@pytest.mark.parametrize("content", ["", "}", "whole", "reformatted", "cut", "other"])
def test_a_file_is_judged_by_its_ends_and_read_if_they_look_wrong(
    content: str, tmp_path: Path
) -> None:
    replace(SQUARES, cells=CELLS[:2]).run(tmp_path)
    path = tmp_path / "cells" / NAMES[0]
    text = path.read_text()
    path.write_text(
        {
            "whole": text,
            "reformatted": json.dumps(json.loads(text), indent=2) + "\n",
            "cut": text[:-1],
            "other": text.replace("squares", "cubes"),
        }.get(content, content)
    )
    found = status(str(tmp_path))
    is_good = content in ("whole", "reformatted")
    assert (found.n_done, list(found.damaged)) == ((2, []) if is_good else (1, [NAMES[0]]))
    assert (found.n_running, found.n_left) == (0, 0)


def test_a_table_made_from_rows_is_said_to_be_in_the_folder(tmp_path: Path) -> None:
    study = replace(SQUARES, cells=CELLS[:2], tables=lambda rows: {"means": rows["squares"]})
    study.run(tmp_path)
    run = cli("study", "table", tmp_path, "--table", "means")
    assert run.returncode == 2
    said = run.stderr.replace("│", "").replace(" ", "").replace("\n", "")
    assert f"{tmp_path / 'means.csv'};ofrows:nameoneof'squares','ones'" in said


@pytest.mark.parametrize("how", [shutil.copytree, shutil.move])
def test_a_copied_folder_is_not_that_of_the_command(
    how: Callable[..., Any], tmp_path: Path
) -> None:
    first, other = tmp_path / "first", tmp_path / "other"
    replace(SQUARES, cells=CELLS[:2]).run(first)
    for command in ("status", "resume"):
        assert "moved" not in cli("study", command, first).stderr
    how(first, other)
    for command in ("status", "resume"):
        run = cli("study", command, other)
        assert run.returncode == 0
        assert f"the command of its study writes to {first}; " in run.stderr
    older = json.loads(other.joinpath(STUDY).read_text())
    del older["folder"]
    other.joinpath(STUDY).write_text(json.dumps(older))
    assert "moved" not in cli("study", "resume", other).stderr, "nobody knows"


@pytest.mark.parametrize(
    ("progressed", "text"),
    [
        (Progressed(), "just begun;"),
        (Progressed(workers=1, running=1), "1 worker, 0 cells done;"),
        (Progressed(workers=1, done=1, deaths=1), "1 worker, 1 cell done, 1 worker died;"),
    ],
)
def test_counts_of_drivers(
    progressed: Progressed, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with driving(tmp_path, "squares", NAMES):
        found = status(tmp_path)
    print_status(replace(found, drivers=(replace(found.drivers[0], progressed=progressed),)))
    assert text in " ".join(capsys.readouterr().out.split())


def test_a_driver_tells_of_its_first_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it is done, which may take hours."""
    monkeypatch.setattr("netsculpt.studies.drivers._EVERY", 0.01)

    def waiting(cell: Cell) -> Rows:
        until = time.monotonic() + 20
        while status(tmp_path).drivers[0].progressed != Progressed(workers=1, running=1):
            assert time.monotonic() < until
            time.sleep(0.01)
        return row(cell)

    assert replace(SQUARES, cells=CELLS[:1], measure=waiting).run(tmp_path).n_done == 1


def test_lines_say_what_remains(monkeypatch: pytest.MonkeyPatch) -> None:
    now, heard = [0.0], io.StringIO()
    monkeypatch.setattr(lines, "monotonic", lambda: now[0])
    monkeypatch.setattr(sys, "stderr", heard)
    report = lines.remaining_lines(every=30)
    for done in range(1000, 1101):  # a thousand were done before; a cell takes four seconds
        report("cells", done, 2000)
        now[0] += 4
    said = heard.getvalue().splitlines()
    assert said[0] == "netsculpt: cells: 1,008 of 2,000, about 66 min left"
    assert len(said) == 12
    heard.close()
    report("cells", 1200, 2000)
    now[0] += 40
    report("cells", 1201, 2000)
