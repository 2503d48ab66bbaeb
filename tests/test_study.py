"""A study: resumed, cut short, shared among workers, damaged; and its command line."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest

from netsculpt.cli.study import run_study, several_of
from netsculpt.core.errors import FolderError, FormatError, NetsculptError
from netsculpt.studies.backends import BACKENDS, open_workers
from netsculpt.studies.study import Results, Rows, Study

DOCS = Path(__file__).parents[1] / "docs" / "studies.md"


@dataclass(frozen=True)
class Setup:
    scale: float = 1.5


@dataclass(frozen=True)
class Cell:
    name: str
    seed: int
    setup: Setup = Setup()


CELLS = [Cell(name, seed) for name in ("a b/c", "d") for seed in range(3)]


def measure(cell: Cell) -> Rows:
    """Rows of numbers that are hard to keep, and an array."""
    rng = np.random.default_rng(cell.seed)
    values = rng.standard_normal(3)
    row = {"name": cell.name, "seed": np.int64(cell.seed), "value": values[0] * cell.setup.scale}
    undefined = math.nan if cell.seed else np.float64(0.1)
    return {"values": [{**row, "odd": undefined, "all": values}], "pairs": [row, row]}


def noted(log: Path, cell: Cell) -> Rows:
    """Measure, and write down that it was done."""
    with log.open("a") as file:
        file.write(f"{cell.name} {cell.seed}\n")
    return measure(cell)


def tables(rows: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    return {"means": rows["values"].groupby("name")["value"].mean().reset_index()}


STUDY = Study("squares", CELLS, measure, tables, documents=("means",), about={"arguments": {}})


def files(folder: Path) -> dict[str, bytes]:
    """Everything but what holds the time or the place."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("manifest.json", "study.json")
    }


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    path.touch()
    return path


def runs(log: Path) -> list[str]:
    return log.read_text().splitlines()


def test_rows_tables_and_manifest(tmp_path: Path) -> None:
    results = STUDY.run(tmp_path)
    assert (results.n_cells, results.n_left_out, results.n_done) == (6, 0, 6)
    assert set(results.tables) == {"values", "pairs", "means"}
    values = pd.read_parquet(tmp_path / "values.parquet")
    assert values["seed"].tolist() == [0, 1, 2] * 2
    expected = [measure(cell)["values"][0] for cell in CELLS]
    assert values["value"].tolist() == [row["value"] for row in expected]
    assert np.array_equal(np.stack(values["all"]), [row["all"] for row in expected])
    assert values["odd"].isna().tolist() == [False, True, True] * 2
    assert len(pd.read_parquet(tmp_path / "pairs.parquet")) == 12
    means = pd.read_csv(tmp_path / "means.csv")
    assert means["value"].iloc[1] == pytest.approx(values["value"].iloc[3:].mean())
    assert (
        (tmp_path / "means.md").read_text().startswith("| name | value |\n| --- | --- |\n| a b/c")
    )
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert (manifest["analysis"], manifest["cells"], manifest["left_out"]) == ("squares", 6, 0)
    assert manifest["versions"]["numpy"] == np.__version__
    assert len(list((tmp_path / "cells").iterdir())) == 6
    assert not list(tmp_path.rglob("*.part"))


def test_interrupted_and_resumed_is_the_same(tmp_path: Path, log: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    STUDY.run(whole)

    def failing(cell: Cell) -> Rows:
        if cell == CELLS[3]:
            raise KeyboardInterrupt
        return measure(cell)

    with pytest.raises(KeyboardInterrupt):
        replace(STUDY, measure=failing).run(broken)
    assert len(list((broken / "cells").iterdir())) == 3
    assert {path.name for path in broken.iterdir()} == {"cells", "study.json"}
    assert not (broken / "manifest.json").exists()
    results = replace(STUDY, measure=partial(noted, log)).run(broken)
    assert runs(log) == ["d 0", "d 1", "d 2"], "what is there is not run again"
    assert files(broken) == files(whole)
    assert results.rows.keys() == STUDY.run(whole).rows.keys()
    again = replace(STUDY, measure=partial(noted, log)).run(broken)
    assert len(runs(log)) == 3
    pd.testing.assert_frame_equal(again.tables["values"], results.tables["values"])


def test_a_budget_leaves_out_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = STUDY.run(tmp_path, budget_minutes=0)
    assert (results.n_done, results.n_left_out, results.tables) == (0, 6, {})
    assert json.loads((tmp_path / "manifest.json").read_text())["left_out"] == 6
    now = [0.0]

    def slow(cell: Cell) -> Rows:
        now[0] += 40
        return measure(cell)

    for module in ("study", "measuring", "sharing"):
        monkeypatch.setattr(f"netsculpt.studies.{module}.monotonic", lambda: now[0])
    results = replace(STUDY, measure=slow).run(tmp_path, budget_minutes=1)
    assert (results.n_done, results.n_left_out) == (2, 4)
    assert results.tables["values"]["seed"].tolist() == [0, 1]
    monkeypatch.undo()
    assert STUDY.run(tmp_path).n_left_out == 0
    STUDY.run(tmp_path / "whole")
    own = {name: x for name, x in files(tmp_path).items() if not name.startswith("whole")}
    assert own == files(tmp_path / "whole")


@pytest.mark.parametrize(
    "how", [{"jobs": 2, "backend": "loky"}, {"jobs": 3, "backend": "threading"}]
)
def test_workers_change_nothing(how: dict[str, Any], tmp_path: Path) -> None:
    STUDY.run(tmp_path / "one")
    calls: list[tuple[str, int, int]] = []
    results = STUDY.run(tmp_path / "two", progress=lambda *call: calls.append(call), **how)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert results.tables["values"]["seed"].tolist() == [0, 1, 2] * 2
    assert calls == [("cells", count, 6) for count in range(1, 7)]


def test_a_backend_around_it_is_used(tmp_path: Path) -> None:
    with joblib.parallel_config("threading"):
        results = Study("threads", CELLS, measure).run(tmp_path, jobs=2)
    assert results.n_done == 6


def test_without_a_folder_nothing_is_kept(log: Path) -> None:
    study: Study[Cell] = Study("squares", CELLS, partial(noted, log), tables)
    first, second = study.run(), study.run()
    assert len(runs(log)) == 12
    assert isinstance(first, Results)
    assert first.rows["pairs"] == second.rows["pairs"]


def test_a_file_for_whatever_rows_depend_on() -> None:
    cell = CELLS[0]
    assert STUDY.file_name(cell).startswith("a-b-c-0-")
    others = [replace(cell, seed=1), replace(cell, setup=Setup(2)), replace(cell, name="a-b-c")]
    names = [STUDY.file_name(cell), *(STUDY.file_name(x) for x in others)]
    assert len({*names, replace(STUDY, name="cubes").file_name(cell)}) == 5
    assert len(STUDY.file_name(replace(cell, name="x" * 500))) < 130


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not the file of a cell"),
        (b"{}", "is not the file of a cell"),
        (b"[1]", "is not the file of a cell"),
        (b"\xff\xfe", "is not the file of a cell"),
        (b"[" * 100_000, "is not the file of a cell"),
        (b'{"netsculpt": "", "rows": 5}', "is not the file of a cell"),
        (b'{"netsculpt": "", "rows": {"values": 5}}', "is not the file of a cell"),
        ("cell", "of another cell or study"),
        ("study", "of another cell or study"),
    ],
)
def test_damaged_and_foreign_files_are_refused(
    content: bytes | str, message: str, tmp_path: Path, log: Path
) -> None:
    STUDY.run(tmp_path)
    path = tmp_path / "cells" / STUDY.file_name(CELLS[1])
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        document = json.loads(path.read_text())
        document[content] = {"seed": 7} if content == "cell" else "cubes"
        path.write_text(json.dumps(document))
    study = replace(STUDY, measure=partial(noted, log))
    with pytest.raises(FormatError, match=message) as error:
        study.run(tmp_path)
    assert str(path) in str(error.value)
    assert "delete it" in str(error.value)
    assert runs(log) == []
    path.unlink()
    study.run(tmp_path)
    assert runs(log) == ["a b/c 1"]


def test_rows_must_be_plain(tmp_path: Path) -> None:
    study: Study[Cell] = Study("odd", CELLS[:1], lambda _cell: {"rows": [{"value": object()}]})
    with pytest.raises(FormatError, match=r"'rows' has a row that cannot be kept.*plain values"):
        study.run(tmp_path)
    assert not list((tmp_path / "cells").glob("*"))


@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_clusters_that_are_not_installed(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("distributed", "ray", "ray.util", "ray.util.joblib"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        NetsculptError, match=rf"'{backend}' needs .*pip install 'netsculpt.{backend}"
    ):
        STUDY.run(backend=backend)


def test_dask_without_a_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    class Distributed:
        @staticmethod
        def get_client() -> None:
            raise ValueError

    monkeypatch.setitem(sys.modules, "distributed", Distributed)  # type: ignore[arg-type]
    with pytest.raises(NetsculptError, match="give the address"):
        STUDY.run(backend="dask")


def test_unknown_backends() -> None:
    with pytest.raises(NetsculptError, match=f"not one of {', '.join(BACKENDS)}"):
        STUDY.run(backend="slurm")
    with (
        pytest.raises(NetsculptError, match="an address is given, but no cluster"),
        open_workers(2, address="x"),
    ):
        pass


# ---- the command line --------------------------------------------------------------------------


@dataclass(frozen=True)
class Config:
    n_seeds: int = 3
    seed: int = 0
    names: tuple[str, ...] = ("a", "b")
    refused: bool = False
    none: bool = False
    failing: int | None = None  # seed


def failing(seed: int, cell: Cell) -> Rows:
    if cell.seed == seed:
        raise ValueError("this one\nfails always")
    return measure(cell)


def command(argv: list[str]) -> None:
    def study(config: Config) -> Study[Cell]:
        if config.refused:
            raise ValueError("give something else")
        cells = [
            Cell(name, config.seed + seed)
            for name in config.names
            for seed in range(config.n_seeds)
        ]
        if config.none:
            return replace(STUDY, cells=())
        if config.failing is not None:
            return replace(STUDY, cells=cells, measure=partial(failing, config.failing))
        return replace(STUDY, cells=cells)

    def show(tables: Mapping[str, pd.DataFrame]) -> None:
        sys.stdout.write(f"names {' '.join(tables['means']['name'])}\n")

    run_study(
        "A study.\n\nMore.",
        study,
        full=Config(),
        quick=Config(n_seeds=1),
        show=show,
        options={
            "--names": {"type": several_of(("a", "b", "c"))},
            "--refused": {"action": "store_true", "default": None},
            "--none": {"action": "store_true", "default": None},
            "--failing": {"type": int},
        },
        argv=argv,
    )


def test_options_change_the_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command(["-o", str(tmp_path), "--quick", "--jobs", "1", "--names", "a,c", "--seed", "5"])
    out = capsys.readouterr().out
    assert "names a c\n" in out
    assert f"\n2 cells → {tmp_path}" in out
    assert pd.read_parquet(tmp_path / "values.parquet")["seed"].tolist() == [5, 5]
    with pytest.raises(SystemExit):
        command(["-o", str(tmp_path / "x"), "--seeds", "2", "--budget-minutes", "0", "--jobs", "1"])
    assert "no cell of 4 is done in" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--names", "a,x"], "'x' is not one of a, b, c"),
        (["--refused"], "give something else"),
        (["--backend", "slurm"], "invalid choice"),
        (["--jobs", "0"], "0 jobs do nothing"),
        (["--seeds", "0"], "'0' is not a whole number of at least 1"),
        (["--seeds", "-3"], "'-3' is not a whole number of at least 1"),
        (["--seed", "x"], "'x' is not a whole number of at least 0"),
        (["--budget-minutes", "-1"], "'-1' is not a finite number of at least 0"),
        (["--budget-minutes", "nan"], "'nan' is not a finite number of at least 0"),
        (["--none"], "these options leave no cell"),
    ],
)
def test_wrong_usage(argv: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        command(argv)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_cells_that_fail_are_counted_and_the_exit_code_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["-o", str(tmp_path), "--jobs", "1", "--results", "returned", "--failing"]
    with pytest.raises(SystemExit) as stop:
        command([*argv, "1", "--keep-going"])
    assert stop.value.code == NetsculptError.exit_code
    shown = capsys.readouterr()
    assert f"\n4 cells → {tmp_path}" in shown.out
    assert "2 cells failed, a-1-" in shown.err
    assert "fails always; the same command tries again" in shown.err
    assert json.loads((tmp_path / "manifest.json").read_text())["returned"] == 4
    with pytest.raises(SystemExit):
        command(
            [
                "-o",
                str(tmp_path / "x"),
                *argv[2:],
                "5",
                "--keep-going",
                "--seeds",
                "1",
                "--seed",
                "5",
            ]
        )
    assert "no cell is done" in capsys.readouterr().err
    command([*argv, "7"])
    assert not (tmp_path / "failed").exists()


class RefusedError(NetsculptError):
    exit_code = 6


@pytest.mark.parametrize(
    ("error", "jobs"),
    [
        (ValueError("wrong"), "2"),
        (FileNotFoundError(2, "no"), "1"),
        (RefusedError("no"), "1"),
    ],
)
def test_the_cell_that_raises_is_named(
    error: Exception, jobs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def raising(cell: Cell) -> Rows:
        if cell.seed == 1:
            raise error
        return measure(cell)

    study = replace(STUDY, measure=raising)
    with pytest.raises(SystemExit) as stop:
        run_study(
            "A study.",
            lambda _: study,
            full=Config(),
            quick=Config(),
            show=print,
            argv=["-o", str(tmp_path), "--jobs", jobs],
        )
    shown = capsys.readouterr().err
    is_ours = isinstance(error, NetsculptError)
    assert stop.value.code == (6 if is_ours else 3)
    assert ("in raising" in shown) == (not is_ours), "the author's traceback"
    named = [(STUDY.file_name(cell), repr(cell)) for cell in CELLS if cell.seed == 1]
    assert any(f"{name}: {fields}" in shown for name, fields in named)
    assert "kept in" in shown
    assert "--keep-going" in shown
    with pytest.raises(type(error)) as raised:
        study.run(tmp_path)
    assert "in raising" in "".join(traceback.format_exception(raised.value))


def test_an_error_outside_of_cells_names_none(tmp_path: Path) -> None:
    def broken(_: object) -> dict[str, pd.DataFrame]:
        raise ValueError("of the tables")

    def run(config: Config) -> Study[Cell]:
        return replace(STUDY, tables=broken, cells=CELLS[: config.n_seeds])

    argv = ["-o", str(tmp_path), "--jobs", "1"]
    with pytest.raises(ValueError, match="of the tables") as raised:
        run_study("x", run, full=Config(), quick=Config(), show=print, argv=argv)
    assert not hasattr(raised.value, "__notes__")


def test_what_is_left_out_is_said_if_something_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([0.0, *[1.0] * 4, *[99.0] * 99])
    monkeypatch.setattr("netsculpt.studies.study.monotonic", lambda: 0.0)
    monkeypatch.setattr("netsculpt.studies.measuring.monotonic", lambda: next(times))
    monkeypatch.setattr("netsculpt.studies.sharing.monotonic", lambda: next(times))
    command(["-o", str(tmp_path), "--budget-minutes", "1", "--jobs", "1"])
    out = capsys.readouterr().out
    assert "1 cell, 5 left out by the budget → " in out


def test_cells_that_are_no_longer_counted_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["-o", str(tmp_path), "--jobs", "1", "--names", "a", "--seeds"]
    command([*argv, "3"])
    assert capsys.readouterr().err == ""
    command([*argv, "1"])
    shown = capsys.readouterr()
    assert "1 cell → " in shown.out
    assert "has 2 files that this run has no cell for, such as 'a-1-" in shown.err


@pytest.mark.parametrize("below", [(), ("sub",)])
def test_a_file_in_place_of_the_folder(
    below: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.joinpath("script.py").touch()
    with pytest.raises(SystemExit) as stop:
        command(["-o", str(tmp_path.joinpath("script.py", *below)), "--quick"])
    assert stop.value.code == FolderError.exit_code
    assert "script.py is a file, and a study needs a folder" in capsys.readouterr().err


def test_all_damaged_files_are_named_at_once(tmp_path: Path) -> None:
    STUDY.run(tmp_path)
    names = [STUDY.file_name(cell) for cell in CELLS]
    for name in names[1:4]:
        tmp_path.joinpath("cells", name).write_text("{}")
    with pytest.raises(FormatError, match="3 files of cells cannot be used") as error:
        STUDY.run(tmp_path)
    assert [name in str(error.value) for name in names] == [False, *[True] * 3, False, False]
    assert str(error.value).endswith("delete them, and their cells are run again")


def test_errors_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command(["-o", str(tmp_path), "--quick", "--jobs", "1"])
    next((tmp_path / "cells").iterdir()).write_text("damaged")
    with pytest.raises(SystemExit) as stop:
        command(["-o", str(tmp_path), "--quick", "--jobs", "1"])
    assert stop.value.code == FormatError.exit_code
    error = capsys.readouterr().err
    assert "delete it" in error
    assert "Traceback" not in error


def test_the_lines_of_the_docs_run_as_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, lines = (x.partition("```\n")[0] for x in DOCS.read_text().split("```python\n")[1:])
    monkeypatch.chdir(tmp_path)
    known: dict[str, Any] = {"__name__": "pruned"}
    monkeypatch.setitem(sys.modules, "pruned", ModuleType("pruned"))  # dataclasses look it up
    exec(script, known)
    exec(lines.replace("jobs=2", "jobs=1"), known)
    assert known["results"].n_done == 6
    assert tmp_path.joinpath("out", "means.csv").is_file()


def test_the_script_of_the_docs_runs_as_printed(tmp_path: Path) -> None:
    """In processes, which cannot import the functions and cells of a script."""
    text = DOCS.read_text(encoding="utf-8")
    script = tmp_path / "pruned.py"
    script.write_text(text.partition("```python\n")[2].partition("```\n")[0], encoding="utf-8")
    run = subprocess.run(
        [sys.executable, str(script), "--quick", "--jobs", "2", "-o", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, ""), "no bar unless in a terminal"
    assert run.stdout.split()[:2] == ["density", "live"]
    assert run.stdout.endswith(f"3 cells → {tmp_path / 'out'}\n")
    assert pd.read_csv(tmp_path / "out" / "means.csv")["live"].is_monotonic_increasing
