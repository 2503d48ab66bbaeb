"""A folder is of one run, a run has its folder to itself, and what it starts ends with it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import torch
from commands import cli
from torch import nn

import netsculpt
from netsculpt.core.errors import BusyError, FormatError
from netsculpt.core.figure_style import NO_FIGURES, FigureStyle
from netsculpt.core.folders import require_replaceable
from netsculpt.core.locking import held
from netsculpt.files.model import read_model
from netsculpt.modules.verdict import IN_SHORT
from netsculpt.report.folder import is_written, write_analysis
from netsculpt.studies.sculpting import SweepConfig, sweep
from netsculpt.studies.study import Study

QUICK = ("--nulls", 0, "--stability-seeds", 0)
CONFIG = SweepConfig(
    "input-separable", (4, 6, 4), (0,), (60.0,), (10.0,), goal_accuracy=0.7, epochs=3
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    state = net.state_dict()
    state["0.weight"][:, ::2] = 0
    path = tmp_path_factory.mktemp("model") / "pruned.pth"
    torch.save(state, path)
    return path


@pytest.fixture(scope="module")
def analysis() -> netsculpt.Analysis:
    graph, _ = netsculpt.planted([6, 6, 6], 2, 0.9, 0.05, rng=0)
    return netsculpt.analyze(graph, netsculpt.AnalysisPlan(n_nulls=0, n_seeds=0), rng=0)


def names(folder: Path) -> set[str]:
    return {x.relative_to(folder).as_posix() for x in folder.rglob("*") if not x.is_dir()}


# --- analyze ---


@pytest.mark.usefixtures("blank_figures")
def test_an_analysis_replaces_the_whole_of_the_last_one(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = cli("analyze", model, "-o", out, "--detector", "leiden", "--figures", "png,svg", *QUICK)
    assert first.returncode == 0, first.stderr
    assert (out / "figures/network_leiden.svg").exists()
    second = cli("analyze", model, "-o", out, "--figures", "none", *QUICK)
    assert second.returncode == 0, second.stderr
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["maker"] == "analyze"
    assert names(out) == {*manifest["files"], "manifest.json"}
    assert not (out / "figures").exists()


@pytest.mark.parametrize(
    "foreign",
    ["summary.json", "notes.txt", "figures/mine.png", "figures/network_layered.png", ".x"],
)
def test_what_no_analysis_wrote_is_not_replaced(
    foreign: str, analysis: netsculpt.Analysis, tmp_path: Path
) -> None:
    path = tmp_path / "out" / foreign
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    before = names(tmp_path / "out")
    with pytest.raises(FormatError, match=f"{foreign}.*which 'analyze' did not write: name a new"):
        write_analysis(analysis, tmp_path / "out", figures=FigureStyle(("png",)))
    assert path.read_text() == "mine"
    assert names(tmp_path / "out") == before


def test_files_added_to_the_results_are_not_removed(
    analysis: netsculpt.Analysis, tmp_path: Path
) -> None:
    write_analysis(analysis, tmp_path, figures=NO_FIGURES)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FormatError, match=r"holds 'notes\.txt', which"):
        write_analysis(analysis, tmp_path, figures=NO_FIGURES)
    assert (tmp_path / "summary.json").exists()


def test_the_folder_is_refused_before_the_work(model: Path, tmp_path: Path) -> None:
    shutil.copy(model, tmp_path / "pruned.pth")
    run = cli("analyze", "pruned.pth", "-o", ".", *QUICK, cwd=tmp_path)
    assert (run.returncode, run.stdout) == (2, "")
    assert "holds 'pruned.pth'" in run.stderr
    assert names(tmp_path) == {"pruned.pth"}
    run = cli("analyze", model, "-o", model, *QUICK)
    assert run.returncode in (2, 3)


@pytest.mark.usefixtures("blank_figures")
def test_links_are_not_followed(analysis: netsculpt.Analysis, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "summary.json").write_text("mine")
    for name, at in (("figures", target), ("summary.json", target / "summary.json")):
        out = tmp_path / f"out-{name}"
        out.mkdir()
        (out / name).symlink_to(at)
        with pytest.raises(FormatError, match=f"holds '{name}'"):
            write_analysis(analysis, out, figures=FigureStyle(("png",)))
    out = tmp_path / "own"
    write_analysis(analysis, out, figures=FigureStyle(("png",)))
    shutil.rmtree(out / "figures")
    (out / "figures").symlink_to(target)
    with pytest.raises(FormatError, match="holds 'figures'"):
        write_analysis(analysis, out, figures=FigureStyle(("png",)))
    assert names(target) == {"summary.json"}
    assert (target / "summary.json").read_text() == "mine"


@pytest.mark.parametrize(
    "files",
    [["../mine.txt"], ["/etc/passwd"], ["figures/../../mine.txt"], ["."], [""], "mine", [3], None],
)
def test_a_manifest_names_no_file_outside(
    files: Any, analysis: netsculpt.Analysis, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    out = tmp_path / "out"
    write_analysis(analysis, out, figures=NO_FIGURES)
    manifest = json.loads((out / "manifest.json").read_text())
    (out / "manifest.json").write_text(json.dumps({**manifest, "files": files}))
    with pytest.raises(FormatError, match="name a new folder"):
        write_analysis(analysis, out, figures=NO_FIGURES)
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.usefixtures("blank_figures")
@pytest.mark.parametrize("n_drawn", [0, 1])
@pytest.mark.parametrize("figures", [NO_FIGURES, FigureStyle(("png",))], ids=["none", "png"])
def test_an_interrupted_folder_is_finished_by_the_same_command(
    analysis: netsculpt.Analysis, tmp_path: Path, n_drawn: int, figures: FigureStyle
) -> None:
    def stop(stage: str, done: int, _: int) -> None:
        if stage == "drawing figures" and done == n_drawn:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_analysis(analysis, tmp_path, figures=FigureStyle(("png",)), progress=stop)
    assert not (tmp_path / "manifest.json").exists()
    (tmp_path / f".summary.json.{uuid4().hex}.part").write_text("half")
    write_analysis(analysis, tmp_path, figures=figures)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert names(tmp_path) == {*manifest["files"], "manifest.json"}
    assert (tmp_path / "figures").exists() is bool(figures.formats)


@pytest.mark.parametrize("verdicts", [True, False])
def test_a_folder_keeps_whether_its_figures_say_verdicts(tmp_path: Path, verdicts: bool) -> None:
    graph, _ = netsculpt.planted([6, 6, 6], 2, 0.9, 0.05, rng=0)
    analysis = netsculpt.analyze(graph, netsculpt.AnalysisPlan(n_nulls=3, n_seeds=0), rng=0)
    style = FigureStyle(("svg",), "nature", verdicts=verdicts)
    write_analysis(analysis, tmp_path, figures=style)
    words = IN_SHORT[analysis.detected[0].verdict]
    figures = {path.stem: path.read_text() for path in (tmp_path / "figures").iterdir()}
    kinds = {name.partition("_")[0] for name, text in figures.items() if words in text}
    of_modules = {"network", "adjacency", "hierarchy", "flow", "null"}
    assert kinds == (of_modules if verdicts else set())
    assert "layered, balanced weights" in figures["null_layered"]
    arguments = json.loads((tmp_path / "manifest.json").read_text())["arguments"]
    assert arguments.items() >= style.summary().items()
    asked = (tmp_path, analysis.graph, analysis.plan, analysis.seed)
    assert is_written(*asked, source=None, figures=style)
    assert not is_written(*asked, source=None, figures=replace(style, verdicts=not verdicts))


@pytest.mark.usefixtures("blank_figures")
def test_an_empty_folder_of_somebody_else_stays(
    analysis: netsculpt.Analysis, tmp_path: Path
) -> None:
    write_analysis(analysis, tmp_path, figures=FigureStyle(("png",)))
    (tmp_path / "mine").mkdir()
    with pytest.raises(FormatError, match="holds 'mine'"):
        write_analysis(analysis, tmp_path, figures=NO_FIGURES)


@pytest.mark.slow
def test_commands_do_not_share_a_folder(model: Path, tmp_path: Path) -> None:
    analysed, sculpted = tmp_path / "analysed", tmp_path / "sculpted"
    assert cli("analyze", model, "-o", analysed, "--figures", "none", *QUICK).returncode == 0
    before = names(analysed)
    arguments = "sculpt", "input-separable", "--seeds", "0", "--epochs", "1"
    run = cli(*arguments, "-o", analysed)
    assert (run.returncode, "no sculpting" in run.stderr) == (2, True)
    assert names(analysed) == before
    sweep(CONFIG, sculpted, detectors=[])
    before = names(sculpted)
    run = cli("analyze", model, "-o", sculpted, *QUICK)
    assert (run.returncode, "did not write" in run.stderr) == (2, True)
    with pytest.raises(FormatError, match="holds a sculpting"):
        Study("powers", [CONFIG], lambda _: {}).run(sculpted)
    with pytest.raises(FormatError, match="results of 'analyze', not of 'powers'"):
        Study("powers", [CONFIG], lambda _: {}).run(analysed)
    assert names(sculpted) == before


@pytest.mark.parametrize("foreign", ["model.pt", "notes.txt", "runs.csv", "seed-0/model.pt"])
def test_sculpting_begins_in_a_new_folder(foreign: str, tmp_path: Path) -> None:
    path = tmp_path / foreign
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    with pytest.raises(FormatError, match=f"holds '{foreign}' and no sculpting"):
        sweep(CONFIG, tmp_path)
    assert names(tmp_path) == {foreign}


@pytest.mark.parametrize("name", ["rounds", "seed-0", "runs.csv", "rounds/seeds-0-0.jsonl"])
def test_sculpting_follows_no_links(name: str, tmp_path: Path) -> None:
    out, target = tmp_path / "out", tmp_path / "target"
    sweep(CONFIG, out, detectors=[])
    target.mkdir()
    path = out / name
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    path.symlink_to(target)
    with pytest.raises(FormatError, match=r"is a link, which is not followed"):
        sweep(CONFIG, out, detectors=[])
    assert names(target) == set()


def test_rounds_of_another_plan_are_refused(tmp_path: Path) -> None:
    sweep(CONFIG, tmp_path / "a", detectors=[])
    for change in ({"learning_rate": 0.01}, {"noise": 0.2}, {"edge_score": "path_weight"}):
        out = tmp_path / next(iter(change))
        other = replace(CONFIG, **change)
        sweep(other, out, detectors=[])
        shutil.copy(tmp_path / "a/rounds/seeds-0-0.pt", out / "rounds")
        with pytest.raises(FormatError, match=r"is of a run with .*, this is"):
            sweep(other, out)


def test_an_edited_plan_is_refused(tmp_path: Path) -> None:
    sweep(CONFIG, tmp_path, detectors=[])
    content = json.loads((tmp_path / "plan.json").read_text())
    content["plan"]["learning_rate"] = 0.5
    (tmp_path / "plan.json").write_text(json.dumps(content))
    run = cli("sculpt", "--resume", "-o", tmp_path)
    assert (run.returncode, "fingerprint" in run.stderr) == (3, True)


# --- train and prune ---

MLP_SPEC = ("--net", "mlp:4,6,4")
TRAIN = ("train", *MLP_SPEC, "--task", "input-separable", "--epochs", 1, "--figures", "none")
PRUNE = ("prune", *MLP_SPEC, "--method", "magnitude", "--density", 0.5)


@pytest.mark.parametrize("command", [TRAIN, PRUNE])
@pytest.mark.parametrize(
    ("output", "text"),
    [
        (".", "is a folder: name a file"),
        ("folder", "is a folder: name a file"),
        ("..", "is a folder: name a file"),
        ("notes.txt", "is not a model of this command, so it is not replaced"),
        ("x.jsonl", "is not a model of this command, so it is not replaced"),
        ("empty", "is not a model of this command, so it is not replaced"),
    ],
)
def test_models_replace_models_only(
    command: tuple[Any, ...], output: str, text: str, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").touch()
    for name in ("notes.txt", "x.jsonl"):
        (tmp_path / name).write_text("mine")
    before = names(tmp_path)
    run = cli(*command, "-o", output, cwd=tmp_path, columns=200)
    assert run.returncode == 2
    assert text in " ".join(run.stderr.replace("│", " ").split())
    assert names(tmp_path) == before
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_names_with_dots_share_nothing(tmp_path: Path) -> None:
    for name in ("d0.05", "d0.02", "x.jsonl", "m.pt"):
        run = cli(*TRAIN, "-o", name, cwd=tmp_path)
        assert run.returncode == 0, run.stderr
    assert names(tmp_path) == {
        *("d0.05", "d0.05.training.pt", "d0.05.jsonl", "d0.02", "d0.02.training.pt"),
        *("d0.02.jsonl", "x.jsonl", "x.jsonl.training.pt", "x.jsonl.jsonl"),
        *("m.pt", "m.training.pt", "m.jsonl"),
        *(
            f"{name}.history/{file}"
            for name in ("d0.05", "d0.02", "x.jsonl", "m")
            for file in ("history.csv", "summary.json", "manifest.json")
        ),
    }
    for name in ("d0.05", "x.jsonl"):
        assert read_model(tmp_path / name).metadata["training"]["epochs"] == 1


def test_a_log_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("")
    (tmp_path / "m.jsonl").symlink_to(tmp_path / "target")
    run = cli(*TRAIN, "-o", "m.pt", cwd=tmp_path)
    assert (run.returncode, "is a link" in run.stderr) == (3, True)
    assert (tmp_path / "target").read_text() == ""


def test_a_model_that_is_a_link_is_replaced_not_followed(tmp_path: Path) -> None:
    assert cli(*PRUNE, "-o", "real.pt", cwd=tmp_path).returncode == 0
    before = (tmp_path / "real.pt").read_bytes()
    (tmp_path / "link.pt").symlink_to(tmp_path / "real.pt")
    assert cli(*PRUNE, "--seed", 1, "-o", "link.pt", cwd=tmp_path).returncode == 0
    assert (tmp_path / "real.pt").read_bytes() == before
    assert not (tmp_path / "link.pt").is_symlink()


def test_sizes_and_rounds_beyond_reason_are_limits(tmp_path: Path) -> None:
    for arguments in (
        ("prune", "--net", "mlp:4,1000000000,4", "--method", "magnitude"),
        ("prune", "--net", "lstm:8x8:999999999:10", "--method", "magnitude"),
        (*PRUNE, "--rounds", 10**9),
        ("train", "--net", "mlp:4,1000000000,4", "--task", "input-separable"),
        ("sculpt", "input-separable", "--arch", "4,1000000000,4"),
    ):
        run = cli(*arguments, "-o", "out.pt", cwd=tmp_path)
        assert run.returncode == 6, (arguments, run.stderr)


def test_a_diverging_sculpting_is_said(tmp_path: Path) -> None:
    options = ("--arch", "4,6,4", "--seeds", "0-1", "--learning-rate", 1e30, "--epochs", 2)
    run = cli("sculpt", "input-separable", *options, "-o", "runs", cwd=tmp_path)
    assert run.returncode == 6
    assert "is not finite (seeds 0, 1): lower the learning rate (1e+30)" in run.stderr


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_metadata_that_json_cannot_hold_are_refused(value: float, tmp_path: Path) -> None:
    assert cli(*PRUNE, "-o", "m.pt", cwd=tmp_path).returncode == 0
    content = torch.load(tmp_path / "m.pt", weights_only=True)
    content["metadata"]["more"] = [{"loss": value}]
    torch.save(content, tmp_path / "m.pt")
    for command in (("analyze", "m.pt", *QUICK), (*TRAIN[:1], "m.pt", *TRAIN[3:], "-o", "n.pt")):
        run = cli(*command, cwd=tmp_path)
        assert (run.returncode, "which JSON has not" in run.stderr) == (3, True), run.stderr


# --- one at a time, and nobody is left behind ---


def test_the_second_run_is_told_who_is_first(
    tmp_path: Path, analysis: netsculpt.Analysis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("netsculpt.core.locking._PATIENCE", 0.05)
    text = f"is being written by process {os.getpid()} on .* since .*: wait until"
    with held(tmp_path):
        with pytest.raises(BusyError, match=text):
            sweep(CONFIG, tmp_path)
        with pytest.raises(BusyError, match=text):
            write_analysis(analysis, tmp_path, figures=NO_FIGURES)
        with pytest.raises(BusyError, match=text):
            Study("powers", [CONFIG], lambda _: {}).run(tmp_path)
    with held(tmp_path / "m.pt"):
        for command in (TRAIN, PRUNE):
            run = cli(*command, "-o", "m.pt", cwd=tmp_path)
            assert (run.returncode, f"process {os.getpid()}" in run.stderr) == (3, True)
    assert names(tmp_path) == set()
    assert require_replaceable(tmp_path, "analyze") == []


def test_unfinished_files_are_removed_and_others_are_not(tmp_path: Path) -> None:
    half, other = f".m.pt.{uuid4().hex}.part", f".other.pt.{uuid4().hex}.part"
    for name in (half, other, ".m.pt.part", ".m.pt.1234.part"):
        (tmp_path / name).write_text("half")
    assert cli(*PRUNE, "-o", "m.pt", cwd=tmp_path).returncode == 0
    assert names(tmp_path) == {"m.pt", other, ".m.pt.part", ".m.pt.1234.part"}
    out = tmp_path / "runs"
    sweep(CONFIG, out, detectors=[])
    (out / "rounds" / f".seeds-0-0.pt.{uuid4().hex}.part").write_text("half")
    sweep(CONFIG, out, detectors=[])
    assert not list(out.rglob("*.part"))


PARENT = """
import os, sys, time
from pathlib import Path
from netsculpt.core.parallel import in_parallel
from netsculpt.studies.backends import open_workers
from netsculpt.studies.sharing import as_finished

def work(item):
    Path(sys.argv[1], f"{item}-{os.getpid()}").touch()
    time.sleep(0.6)
    return item

if __name__ == "__main__":
    if sys.argv[2] == "study":
        with open_workers(2) as workers:
            list(as_finished(work, range(40), workers))
    else:
        list(in_parallel(work, 40, 2))
"""


def is_running(process: int) -> bool:
    try:
        text = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.parametrize("how", ["study", "parallel"])
@pytest.mark.parametrize("with_signal", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_their_parent(how: str, with_signal: int, tmp_path: Path) -> None:
    script, marks = tmp_path / "parent.py", tmp_path / "marks"
    script.write_text(PARENT)
    marks.mkdir()
    parent = subprocess.Popen([sys.executable, str(script), str(marks), how])
    deadline = time.monotonic() + 60
    while len(names(marks)) < 3:
        assert time.monotonic() < deadline
        assert parent.poll() is None
        time.sleep(0.01)
    parent.send_signal(with_signal)
    parent.wait()
    workers = {int(name.rpartition("-")[2]) for name in names(marks)}
    assert len(workers) == 2
    while any(map(is_running, workers)):
        assert time.monotonic() < deadline, "they work on for a parent that is gone"
        time.sleep(0.02)
    begun = names(marks)
    time.sleep(0.8)
    assert names(marks) == begun
    assert len(begun) < 8


@pytest.mark.parametrize("name", ["..", ".", "", "cells", "x\x00y", "gone.csv"])
def test_a_manifest_of_a_study_names_no_file(name: str, tmp_path: Path) -> None:
    """Only regular files are replaced, whatever a damaged manifest lists."""
    study = Study("powers", [CONFIG], lambda _: {})
    study.run(tmp_path)
    place = tmp_path / "manifest.json"
    listing = json.loads(place.read_text())
    place.write_text(json.dumps({**listing, "files": [*listing["files"], name]}))
    before = names(tmp_path)
    study.run(tmp_path)
    assert names(tmp_path) == before


def test_a_command_does_not_replace_the_model_of_another(tmp_path: Path) -> None:
    for first, second in ((TRAIN, PRUNE), (PRUNE, TRAIN)):
        path = tmp_path / f"{first[0]}.pt"
        assert cli(*first, "-o", path.name, cwd=tmp_path).returncode == 0
        for left in (*tmp_path.glob("*.training.pt"), *tmp_path.glob("*.jsonl")):
            left.unlink()
        content = path.read_bytes()
        run = cli(*second, "-o", path.name, cwd=tmp_path, columns=200)
        assert run.returncode == 2
        assert "is not a model of this command" in " ".join(run.stderr.replace("│", " ").split())
        assert path.read_bytes() == content
        assert cli(*first, "-o", path.name, cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("ending", [".npz", ".gexf", ".graphml"])
def test_export_replaces_its_own_files_only(ending: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "in.npz", a=np.eye(3), b=np.ones((2, 3)))
    (tmp_path / f"mine{ending}").write_text("mine")
    for output in (f"mine{ending}", "in.npz"):
        before = (tmp_path / output).read_bytes()
        run = cli("export", "in.npz", "-o", output, cwd=tmp_path, columns=200)
        assert run.returncode == 2
        assert (tmp_path / output).read_bytes() == before
    for source in ("in.npz", "in.npz"):
        run = cli("export", source, "-o", f"own{ending}", cwd=tmp_path)
        assert run.returncode == 0, run.stderr
