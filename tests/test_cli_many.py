"""`netsculpt analyze` of several models: one table, a folder each, errors that stop nobody."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import cli

import netsculpt
from netsculpt.cli.model_files import model_files
from netsculpt.graph.npz import save
from netsculpt.report import models as models_table

QUICK = ("--nulls", 0, "--stability-seeds", 0, "--figures", "none")


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Three graphs in two folders, and files that are not models."""
    for seed, place in enumerate(("a/net2", "a/net10", "b/deep/net2")):
        path = tmp_path / "runs" / f"{place}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        save(netsculpt.planted([6, 6, 6], 2, 0.9, 0.05, rng=seed)[0], path)
    tmp_path.joinpath("runs/a/notes.txt").write_text("dropout helped")
    tmp_path.joinpath("runs/a/net2.training.pt").write_bytes(b"state")
    return tmp_path / "runs"


def written(folder: Path) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = json.loads((folder / "models.json").read_text())["models"]
    return content


@pytest.mark.usefixtures("models")
def test_a_folder_becomes_a_table_and_a_folder_each(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = cli("analyze", "runs", "-o", out, *QUICK, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    rows = written(out)
    assert [row["model"] for row in rows] == ["runs-a-net2", "runs-a-net10", "runs-b-deep-net2"]
    with (out / "models.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["model"] for row in table] == [row["model"] for row in rows]
    for row, line in zip(rows, table, strict=True):
        assert (out / row["model"] / "manifest.json").is_file()
        graph = netsculpt.load(tmp_path / row["file"])
        assert row["n_edges"] == int(line["n_edges"]) == graph.n_edges
        alone = json.loads((out / row["model"] / "summary.json").read_text())
        assert row["layered_quality"] == alone["modules"]["layered"]["quality"]
        assert row["model"].removeprefix("runs-") in run.stdout
    assert "All names begin with runs-" in run.stdout


def test_each_row_is_what_analyze_says_of_the_file_alone(models: Path) -> None:
    together = json.loads(cli("analyze", models, "--json", *QUICK).stdout)
    alone = json.loads(cli("analyze", models / "a/net10.npz", "--json", *QUICK).stdout)
    assert together[1]["layered_quality"] == alone["modules"]["layered"]["quality"]
    assert together[1]["log10_paths"] == alone["paths"]["log10_count"]


def test_an_error_stops_nobody_and_is_the_exit_code(models: Path, tmp_path: Path) -> None:
    dense = tmp_path / "dense.npz"
    save(netsculpt.from_matrices([np.ones((3, 2)), np.zeros((1, 3))]), dense)  # no path
    files = (dense, models / "a/net2.npz", tmp_path / "nowhere.pt")
    run = cli("analyze", *files, "-o", tmp_path / "out", *QUICK)
    assert run.returncode == 3
    assert "2 models of 3 could not be analysed" in run.stderr
    assert "no path leads from an input to an output" in run.stderr
    first, second, third = written(tmp_path / "out")
    assert "no path leads" in first["error"]
    assert second["error"] is None
    assert second["n_units"] == 18
    assert third["error"].startswith("no file at ")
    assert not (tmp_path / "out" / first["model"]).exists()


def test_what_is_there_is_not_analysed_again(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, analysed = tmp_path / "out", []
    original = netsculpt.pipeline.analyze

    def counting(graph: netsculpt.NetGraph, *rest: Any, **options: Any) -> netsculpt.Analysis:
        analysed.append(graph.n_units)
        return original(graph, *rest, **options)

    monkeypatch.setattr(netsculpt.pipeline, "analyze", counting)
    files = sorted(models.rglob("*.npz"))
    cli("analyze", *files[:2], "-o", out, *QUICK)
    assert len(analysed) == 2
    before = written(out)
    run = cli("analyze", *files, "-o", out, *QUICK)
    assert run.returncode == 0, run.stderr
    assert len(analysed) == 3
    assert written(out)[:2] == before
    assert "had been analysed before" in run.stdout
    cli("analyze", *files, "-o", out, *QUICK)
    assert len(analysed) == 3
    cli("analyze", *files, "-o", out, *QUICK, "--seed", 1)  # another question
    assert len(analysed) == 6
    save(netsculpt.planted([6, 6, 6], 2, 0.9, 0.05, rng=9)[0], files[0])  # another model
    cli("analyze", *files, "-o", out, *QUICK, "--seed", 1)
    assert len(analysed) == 7
    next(out.glob("*/units.csv")).unlink()  # a folder that is not whole
    cli("analyze", *files, "-o", out, *QUICK, "--seed", 1)
    assert len(analysed) == 8


def test_models_of_earlier_runs_keep_their_rows_if_they_were_analysed_alike(
    models: Path, tmp_path: Path
) -> None:
    out, files = tmp_path / "out", sorted(models.rglob("*.npz"))
    cli("analyze", *files, "-o", out, *QUICK)
    before = {row["file"]: row for row in written(out)}

    def again(*options: object) -> list[dict[str, Any]]:
        run = cli("analyze", *files[1:], "-o", out, *QUICK, *options)
        assert run.returncode == 0, run.stderr
        with (out / "models.csv").open(newline="") as file:
            assert [row["file"] for row in csv.DictReader(file)] == [
                x["file"] for x in written(out)
            ]
        assert ("1 model of earlier runs" in run.stdout) == (len(written(out)) == len(files))
        return written(out)

    rows = again()
    assert [row["file"] for row in rows] == [str(x) for x in (*files[1:], files[0])]
    assert rows[-1] == before[str(files[0])]
    first = out / rows[-1]["model"]
    assert f'href="{first.name}/report.html"' in (out / "report.html").read_text()
    assert len(again("--seed", 1)) == 2, "numbers of other seeds are not to be compared"
    assert len(again("--weights", "pattern")) == 2
    assert len(again()) == 3, "its folder is still there"
    for name in ("manifest.json", "summary.json"):
        whole = (first / name).read_bytes()
        (first / name).write_bytes(whole[:-9])
        assert len(again()) == 2, "a damaged folder does not stop the others"
        (first / name).write_bytes(whole)
    (first / "units.csv").unlink()
    assert len(again()) == 2
    cli("analyze", *files, "-o", out, *QUICK)
    shutil.rmtree(first)
    assert len(again()) == 2


def test_models_of_earlier_runs_outlast_an_interruption(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, files = tmp_path / "out", sorted(models.rglob("*.npz"))
    cli("analyze", *files, "-o", out, *QUICK)

    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(models_table, "write_table", stop)
        assert cli("analyze", *files[:2], "-o", out, *QUICK).returncode != 0
    assert not (out / "manifest.json").exists()
    run = cli("analyze", *files[:2], "-o", out, *QUICK)
    assert run.returncode == 0, run.stderr
    assert [row["file"] for row in written(out)] == [str(file) for file in files]


def test_counts_stay_whole_numbers_next_to_a_model_that_failed(
    models: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    cli("analyze", models / "a", tmp_path / "nowhere.pt", "-o", out, *QUICK)
    with (out / "models.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    for row, line in zip(written(out), table, strict=True):
        for name in ("n_units", "n_edges", "n_parameters", "layered_n_modules", "density"):
            assert line[name] == ("" if row["error"] else str(row[name])), name


def test_patterns_name_files_in_the_order_of_their_numbers(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(models / "a")
    found = model_files([models / "a" / "*.npz", models / "a/net2.npz"])
    assert [file.path.name for file in found] == ["net2.npz", "net10.npz"]
    assert [file.name for file in found] == ["net2", "net10"]


def test_endings_of_two_parts_are_found(tmp_path: Path) -> None:
    for name in ("a.pth.tar", "b.tar", "c.pt"):
        tmp_path.joinpath(name).touch()
    assert [file.path.name for file in model_files([tmp_path])] == ["a.pth.tar", "c.pt"]


def test_names_are_safe_and_unique(tmp_path: Path) -> None:
    paths = [tmp_path / "x y.pt", tmp_path / "X y.pt", tmp_path / "x y.pth", tmp_path / "..pt"]
    names = [file.name for file in model_files(paths)]
    assert len({name.casefold() for name in names}) == 4
    assert all(Path(name).name == name and not name.startswith(".") for name in names)


@pytest.mark.parametrize("place", ["empty", "*.pt"])
def test_nothing_found_is_an_error(place: str, tmp_path: Path) -> None:
    tmp_path.joinpath("empty").mkdir()
    run = cli("analyze", tmp_path / place, *QUICK)
    assert run.returncode == cli("analyze", tmp_path / "missing.pt", *QUICK).returncode == 3
    assert run.stderr.startswith("netsculpt: no ")
    assert len(run.stderr.splitlines()) == 1
    assert ".safetensors" in run.stderr


def test_a_folder_of_somebody_else_is_left_alone(models: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    out.joinpath("thesis.tex").write_text("chapter 1")
    run = cli("analyze", models, "-o", out, *QUICK)
    assert run.returncode == 2
    assert out.joinpath("thesis.tex").read_text() == "chapter 1"
    assert [x.name for x in out.iterdir()] == ["thesis.tex"]


@pytest.mark.slow
def test_two_processes_make_the_same_table(models: Path, tmp_path: Path) -> None:
    for jobs in (1, 2):
        cli("analyze", models, "-o", tmp_path / str(jobs), *QUICK, "-j", jobs)
    one, two = (tmp_path.joinpath(jobs, "models.json").read_bytes() for jobs in "12")
    assert one == two


def test_nobody_is_sent_to_a_page_on_which_every_model_failed(tmp_path: Path) -> None:
    files = tmp_path / "a.pt", tmp_path / "b.pt"
    run = cli("analyze", *files, "-o", tmp_path / "out", *QUICK)
    assert "2 models of 2 could not be analysed" in run.stderr
    assert "The page to open" not in run.stdout
