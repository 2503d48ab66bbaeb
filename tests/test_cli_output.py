"""What goes where: results on stdout, the rest on stderr; in a pipe, if quiet, if verbose."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from commands import cli

import netsculpt
from netsculpt.report.terminal import estimates
from netsculpt.report.terminal.loudness import at_loudness, loudness
from netsculpt.report.terminal.progress import shown_progress
from netsculpt.report.terminal.progress_lines import progress_lines

QUICK = ("--nulls", "20", "--stability-seeds", "2", "--figures", "none")
AGAIN = ("--method", "magnitude", "--density", ".3")
LONG = "a-folder-with-a-long-name-that-leaves-no-room-in-a-line-of-eighty-columns and-a-space"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / LONG / "model.pt"
    made = cli("prune", "--net", "mlp:8,6,4", "--density", ".4", "-o", path, columns=None)
    assert made.returncode == 0, made.stderr
    return path


def test_lines_in_a_pipe_are_as_long_as_their_text(model: Path, tmp_path: Path) -> None:
    out = tmp_path / LONG / "out"
    run = cli("analyze", model, "-o", out, *QUICK, columns=None)
    assert run.returncode == 0, run.stderr
    lines = run.stdout.split("\n")
    assert [line for line in lines if line != line.rstrip()] == []
    assert "\x1b" not in run.stdout
    assert any(
        line.endswith("tables, graph, figures and manifest are next to it.") for line in lines
    )
    stable = next(line for line in lines if "Stability" in line)
    assert len(stable) > 80
    assert stable.endswith("belongs")


def test_next_commands_are_whole_and_run(model: Path, tmp_path: Path) -> None:
    made = cli("prune", model, *AGAIN, "-o", tmp_path / LONG / "p.pt", columns=None)
    line = next(line for line in made.stdout.splitlines() if line.startswith("Written to"))
    command = re.search("read it with: netsculpt (.*?);", line)
    assert command is not None
    run = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m netsculpt {command[1]} --nulls 0"],
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "Layers are chained by" not in run.stdout, "the file says that it is a perceptron"


def test_a_dense_net_is_read_with_the_option_that_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "dense.pt"
    options = ("--task", "digits", "--epochs", 1, "--batch-size", 512)
    run = cli("train", "--net", "cnn:1x8x8:2::10", *options, "-o", path, columns=None)
    assert run.returncode == 0, run.stderr
    assert f"netsculpt analyze {path} --dense" in run.stdout.splitlines()[-2]
    read = cli("analyze", path, "--dense", "--nulls", 0, "--stability-seeds", 0, columns=None)
    assert read.returncode == 0, read.stderr
    assert "Layers are chained by" not in read.stdout, "it is traced from its own description"


def test_quiet_prints_the_path_alone(model: Path, tmp_path: Path) -> None:
    out, file = tmp_path / "out", tmp_path / "graph.npz"
    commands = {
        out / "report.html": ("analyze", model, "-o", out, *QUICK),
        file: ("export", model, "-o", file),
        tmp_path / "p.pt": ("prune", model, *AGAIN, "-o", tmp_path / "p.pt"),
    }
    for path, words in commands.items():
        run = cli(*words, "-q")
        assert (run.returncode, run.stdout, run.stderr) == (0, f"{path}\n", "")
        assert path.exists()
    for words in (("analyze", model, "-q", *QUICK), ("-q", "analyze", model, *QUICK)):
        assert cli(*words).stdout == ""
    wrong = cli("analyze", "none.pt", "--quiet")
    assert (wrong.returncode, wrong.stdout) == (3, "")
    assert "no file at 'none.pt'" in wrong.stderr
    assert loudness() == "usual"


def test_verbose_adds_lines_on_stderr_only(model: Path) -> None:
    usual = cli("analyze", model, "--json", *QUICK)
    told = cli("analyze", model, "--json", *QUICK, "--verbose")
    lines = told.stderr.splitlines()
    assert all(line.startswith("netsculpt: ") for line in lines)
    assert told.stdout == usual.stdout
    assert json.loads(told.stdout)
    assert cli("analyze", model, "--json", *QUICK, "-q").stdout == usual.stdout
    assert usual.stderr == ""
    assert f"netsculpt {netsculpt.__version__}" in told.stderr
    assert re.search("^netsculpt: .*model.pt: load: .*format torch_zip.*sha256:", told.stderr, re.M)
    for stage in ("layered: modules", "layered: null networks", "layered: stability"):
        assert re.search(rf"^netsculpt: {stage}: [0-9.]+ s$", told.stderr, re.M)
    assert re.search(r"done in [0-9.]+ s, [0-9.]+ s of the processor", told.stderr)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("jobs", "seconds", "said"),
    [
        (1, 6.0, "12 min"),
        (4, 6.0, "3.0 min"),
        (1, 0.01, ""),
    ],
)
def test_what_takes_long_is_said_once_the_first_networks_are_there(
    monkeypatch: pytest.MonkeyPatch, jobs: int, seconds: float, said: str
) -> None:
    """The first network also waits for the compiler, which the estimate leaves out."""
    clock, heard = Clock(), io.StringIO()
    monkeypatch.setattr(estimates, "monotonic", clock)
    monkeypatch.setattr(sys, "stderr", heard)
    plan = netsculpt.AnalysisPlan(detectors=("layered", "mdl"))
    progress = estimates.estimate_lines(plan, jobs)
    progress("layered: modules", 1, 1)
    progress("layered: stability", 0, 20)
    progress("layered: null networks", 0, 100)
    clock.now = 20.0
    for done in range(1, 101):
        progress("layered: null networks", done, 100)
        clock.now += seconds if done % jobs == 0 else 0
    lines = heard.getvalue().splitlines()
    line = (
        "netsculpt: layered: 100 null networks and 20 runs for stability will take about {}; "
        "1 detector"
    )
    remedy = "; -j -1 shares them among all cores, --nulls asks for fewer" if jobs == 1 else ""
    assert lines == ([f"{line.format(said)} to follow{remedy}"] if said else [])
    with at_loudness("quiet"):
        estimates.estimate_lines(plan)("layered: null networks", 2, 100)
    assert heard.getvalue().splitlines() == lines


def test_a_quiet_command_shows_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = io.StringIO()
    monkeypatch.setattr(sys, "stderr", heard)
    for level, n_lines in (("quiet", 0), ("usual", 2), ("verbose", 1)):
        heard.seek(heard.truncate(0))
        with (
            at_loudness(level),  # type: ignore[arg-type]
            shown_progress(progress_lines(["steps", "more"])) as progress,
        ):
            progress("steps", 0, 2)
            progress("steps", 2, 2)
        assert heard.getvalue().count("\n") == n_lines, level
