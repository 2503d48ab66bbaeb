"""What enters a study is checked there: cells, rows, tables; and what earlier runs have left."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from netsculpt.core.errors import FormatError
from netsculpt.studies.earlier import StudyWarning
from netsculpt.studies.status import rows_so_far, status
from netsculpt.studies.study import Rows, Study


@dataclass(frozen=True)
class Cell:
    x: Any
    seed: Any = 0


@dataclass(frozen=True)
class Other:
    x: Any
    seed: Any = 0


CELLS = [Cell(x, seed) for x in (0.5, 1.0) for seed in range(3)]


def measure(cell: Cell) -> Rows:
    return {"nets": [{"x": cell.x, "y": cell.x * cell.seed}]}


STUDY = Study("entries", CELLS, measure)


# ---- cells ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("twin", [Cell(1.0, 2), Cell(1, 2), Cell(np.float64(1), np.int64(2))])
def test_a_cell_that_is_given_twice_would_count_twice(twin: Cell, tmp_path: Path) -> None:
    study = replace(STUDY, cells=[*CELLS, twin])
    for folder in (None, tmp_path / "out"):
        with pytest.raises(FormatError, match=r"cells 5 and 6 of .* have the same fields"):
            study.run(folder)
    assert not (tmp_path / "out").exists()


def test_cells_of_two_classes_need_a_field_that_tells_them_apart() -> None:
    study: Study[Any] = Study("two", [Cell(1), Other(1)], measure)
    with pytest.raises(FormatError, match="a field that tells them apart"):
        study.run()


def test_near_cells_are_not_taken_for_one() -> None:
    values = (1, 1.5, True, "1", "1.0", None, 2**60, 2**60 + 1, (1,), (1, 1))
    study = Study("near", [Cell(x) for x in values], lambda cell: {"n": [{"x": str(cell.x)}]})
    assert [row["x"] for row in study.run().rows["n"]] == [str(x) for x in values]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ({"x": 1}, "is not a cell: instances of a frozen dataclass"),
        (Cell, "is not a cell"),
        (Cell(object()), "has fields that cannot be kept: cannot keep a object"),
        (Cell({(1, 2): 3}), "has fields that cannot be kept"),
    ],
)
def test_cells_that_are_none(cell: Any, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        replace(STUDY, cells=[cell]).run()


def test_a_study_without_cells() -> None:
    with pytest.raises(FormatError, match="'entries' has no cells"):
        replace(STUDY, cells=[]).run()


# ---- rows and tables -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (None, "returned None: lists of rows by table are needed"),
        ([{"y": 1}], r"returned \[{'y': 1}\]: lists of rows"),
        ({"nets": {"y": 1}}, "'nets' is {'y': 1}: lists of rows"),
        ({"nets": "y"}, "'nets' is 'y'"),
        ({"nets": [1]}, "'nets' has a row 1: lists"),
        ({"nets": [{"y": object()}]}, "'nets' has a row that cannot be kept"),
        ({"nets": [{(1, 2): 3}]}, "'nets' has a row that cannot be kept"),
        ({"a/b": []}, "called 'a/b': a file is named after it"),
        ({"..": []}, r"called '\.\.'"),
        ({5: []}, "called 5"),
    ],
)
def test_rows_that_cannot_be_kept_are_refused_with_their_cell(
    rows: Any, message: str, tmp_path: Path
) -> None:
    study = replace(STUDY, measure=lambda cell: rows if cell.seed else measure(cell))
    for folder in (None, tmp_path):
        with pytest.raises(FormatError, match=message) as error:
            study.run(folder)
        assert "Cell(x=0.5, seed=1)" in error.value.__notes__[0]
    results = study.run(tmp_path, keep_going=True)
    assert (results.n_done, len(results.failed)) == (2, 4)


@pytest.mark.parametrize(
    ("first", "second", "place"),
    [
        (1, "a", "'y'"),
        ("a", 1.5, "'y'"),
        (True, 1, "'y'"),
        (1, [1], "'y'"),
        ([1], ["a"], r"'y\[\]'"),
        ([[], [0.1]], [["a"]], r"'y\[\]\[\]'"),
        ({"b": 1}, {"b": "c"}, r"'y\.b'"),
    ],
)
def test_a_column_of_two_kinds_is_refused_at_the_cell_that_has_the_second(
    first: Any, second: Any, place: str, tmp_path: Path
) -> None:
    measured = []

    def mixed(cell: Cell) -> Rows:
        measured.append(cell)
        return {"nets": [{"y": second if cell.seed == 1 else first}]}

    study = replace(STUDY, measure=mixed)
    for _ in range(2):  # also as read back
        with pytest.raises(FormatError, match=f"{place} of table 'nets' is") as error:
            study.run(tmp_path)
        names = [study.file_name(cell) for cell in CELLS[:2]]
        assert all(name in str(error.value) for name in names)
    assert len(measured) < len(CELLS), "not when all are done"
    tmp_path.joinpath("cells", study.file_name(CELLS[1])).unlink()
    results = replace(study, measure=lambda _: {"nets": [{"y": first}]}).run(tmp_path)
    assert results.n_done == 6


def test_numbers_and_what_is_missing_are_of_one_kind(tmp_path: Path) -> None:
    values = [1, None, 0.5, float("nan"), 2, float("inf")]
    lists = [[], [1], [None, 0.5], None, [float("nan")], [2]]

    def some(cell: Cell) -> Rows:
        at = CELLS.index(cell)
        return {"nets": [{"y": values[at], "z": lists[at], f"only {cell.seed}": cell.seed}]}

    replace(STUDY, measure=some).run(tmp_path)
    read = pd.read_parquet(tmp_path / "nets.parquet")
    assert read["y"].isna().tolist() == [False, True, False, True, False, False]
    assert list(read.columns) == ["y", "z", "only 0", "only 1", "only 2"]


def test_what_parquet_cannot_hold_is_said_with_the_table(tmp_path: Path) -> None:
    study = replace(STUDY, measure=lambda _: {"nets": [{"y": 2**80}]})
    with pytest.raises(FormatError, match="'nets' cannot be written as parquet"):
        study.run(tmp_path)


@pytest.mark.parametrize(
    ("tables", "message"),
    [(None, "returned None: DataFrames"), ({"a": 1}, "returned {'a': 1}"), ("a/b", "called 'a/b'")],
)
def test_tables_that_cannot_be_written(tables: Any, message: str, tmp_path: Path) -> None:
    def made(rows: Mapping[str, pd.DataFrame]) -> Any:
        return {tables: rows["nets"]} if isinstance(tables, str) else tables

    with pytest.raises(FormatError, match=message):
        replace(STUDY, tables=made).run(tmp_path)


# ---- folders, and what is in them ----------------------------------------------------------------


def test_a_folder_may_be_given_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    STUDY.run("out")
    assert tmp_path.joinpath("out", "nets.parquet").is_file()
    assert status("out").n_done == 6
    assert len(rows_so_far("out")["nets"]) == 6


def about(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(folder.joinpath("manifest.json").read_text())
    return content


def test_rows_that_were_made_with_other_settings_are_not_passed_off(tmp_path: Path) -> None:
    def scaled(by: float) -> Study[Cell]:
        def times(cell: Cell) -> Rows:
            return {"nets": [{"y": by * cell.x}]}

        return replace(STUDY, measure=times, about={"arguments": {"by": by, "kinds": ("a",)}})

    scaled(1.0).run(tmp_path)
    scaled(1.0).run(tmp_path)  # the same again: no warning, which would be an error
    assert "earlier_runs" not in about(tmp_path)
    with pytest.warns(
        StudyWarning, match=r"keeps 6 cells .* \(arguments.by was 1.0, is 10.0\)"
    ) as w:
        results = scaled(10.0).run(tmp_path)
    assert w[0].filename == __file__
    assert results.tables["nets"]["y"].tolist() == [0.5] * 3 + [1.0] * 3
    assert about(tmp_path)["arguments"]["by"] == 10
    assert about(tmp_path)["earlier_runs"] == [{"arguments": {"by": 1.0, "kinds": ["a"]}}]
    scaled(10.0).run(tmp_path)
    assert about(tmp_path)["earlier_runs"], "the rows are still those"
    for path in (tmp_path / "cells").iterdir():
        path.unlink()
    assert scaled(10.0).run(tmp_path).tables["nets"]["y"].tolist() == [5.0] * 3 + [10.0] * 3
    assert "earlier_runs" not in about(tmp_path)


def test_the_settings_of_an_interrupted_run_count(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        replace(STUDY, measure=_once(), about={"by": 1, "old": 2}).run(tmp_path)
    with pytest.warns(
        StudyWarning, match=r"keeps 1 cell .* \(by was 1, is 2, old is gone, new is new"
    ):
        replace(STUDY, about={"by": 2, "new": 3}).run(tmp_path)


def _once() -> Callable[[Cell], Rows]:
    calls: list[Cell] = []

    def then_interrupted(cell: Cell) -> Rows:
        calls.append(cell)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return measure(cell)

    return then_interrupted


def test_a_larger_grid_is_no_reason_for_a_warning(tmp_path: Path) -> None:
    def of(n: int, by: int = 1) -> Study[Cell]:
        return replace(STUDY, cells=CELLS[:n], about={"n": n, "by": by})

    assert of(2).run(tmp_path).notes == ()
    (note,) = of(4).run(tmp_path).notes
    assert "keeps 2 cells of earlier runs" in note
    assert "(n was 2, is 4)" in note
    assert of(4).run(tmp_path).notes == ()
    assert about(tmp_path)["earlier_runs"] == [{"n": 2, "by": 1}]
    reordered = replace(of(4, by=2), cells=CELLS[3::-1])
    with pytest.warns(StudyWarning, match=r"keeps 4 cells .* \(by was 1, is 2\)"):
        assert reordered.run(tmp_path).notes == ()


def test_settings_where_there_were_none(tmp_path: Path) -> None:
    STUDY.run(tmp_path)
    with pytest.warns(StudyWarning, match=r"\(by is new\)"):
        replace(STUDY, about={"by": 1}).run(tmp_path)


def test_cells_of_a_larger_grid_and_foreign_files_are_not_counted_in_silence(
    tmp_path: Path,
) -> None:
    STUDY.run(tmp_path)
    tmp_path.joinpath("cells", "foo.json").write_text("hi")
    results = replace(STUDY, cells=CELLS[:2]).run(tmp_path)
    (note,) = results.notes
    assert "cells has 5 files that this run has no cell for" in note
    assert len(results.tables["nets"]) == 2
    assert len(list((tmp_path / "cells").iterdir())) == 7


def test_settings_must_be_plain_before_anything_is_measured(tmp_path: Path) -> None:
    for wrong in (Path("a"), float("nan"), object()):
        with pytest.raises(FormatError, match="cannot be written to its manifest"):
            replace(STUDY, about={"where": wrong}).run(tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("wrong", [{"about": 5}, {"earlier": 5}, {"earlier": [5]}])
def test_damaged_settings_are_refused(wrong: dict[str, Any], tmp_path: Path) -> None:
    STUDY.run(tmp_path)
    path = tmp_path / "study.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | wrong))
    with pytest.raises(FormatError, match=r"study.json cannot be read .*remove it"):
        STUDY.run(tmp_path)


def test_a_folder_of_an_older_version_goes_on(tmp_path: Path) -> None:
    STUDY.run(tmp_path)
    path = tmp_path / "study.json"
    content = json.loads(path.read_text())
    for name in ("about", "earlier"):
        del content[name]
    path.write_text(json.dumps(content))
    assert replace(STUDY, about={"by": 1}).run(tmp_path).n_done == 6
