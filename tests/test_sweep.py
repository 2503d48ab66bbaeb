"""Sculpting from the command line: killed, continued, judged, read back."""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import cli

import netsculpt
from netsculpt.core.errors import FormatError, LimitError
from netsculpt.files.model import read_model
from netsculpt.studies.sculpting import (
    DETECTORS,
    Sweep,
    SweepConfig,
    read_config,
    read_detectors,
    sweep,
)

PLAIN = ("--figures", "none")
CONFIG = SweepConfig(
    "input-separable",
    widths=(4, 12, 10, 4),
    seeds=tuple(range(4)),
    unit_gradients=(60.0,),
    edge_gradients=(5.0, 2.5),
    epochs=30,
    batch_size=8,
)


def models(folder: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in sorted(folder.glob("seed-*/model.pt"))}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sweep") / "runs"


@pytest.fixture(scope="module")
def swept(folder: Path) -> Sweep:
    return sweep(CONFIG, folder, detectors=["sculpting", "leiden"])


def test_every_run_is_reported(swept: Sweep, folder: Path) -> None:
    rows = list(csv.DictReader((folder / "runs.csv").read_text().splitlines()))
    assert len(rows) == len(swept.runs) == 8
    assert [int(row["weights"]) for row in rows] == [run.weights for run in swept.runs]
    assert {run.seed for run in swept.runs if run.sparsest} == {
        run.seed for run in swept.runs if run.solved
    }
    for network in swept.networks:
        same = [run for run in swept.runs if run.seed == network.run.seed]
        assert network.run.weights == min(run.weights for run in same)
        assert network.run.accuracy == 1
        n_weights = sum(a * b for a, b in itertools.pairwise(CONFIG.widths))
        assert network.run.density == pytest.approx(network.run.weights / n_weights)


def test_every_round_is_logged(swept: Sweep, folder: Path) -> None:
    lines = (folder / "rounds" / "seeds-0-3.jsonl").read_text().splitlines()
    stages = [json.loads(line)["stage"] for line in lines]
    assert list(dict.fromkeys(stages)) == ["dense", "units", "retraining", "edges"]
    assert json.loads(lines[-1]) == {"stage": "edges", "done": 8, "runs": 8} or not all(
        run.solved for run in swept.runs
    )


def test_models_are_read_with_no_flag(swept: Sweep, folder: Path) -> None:
    assert swept.networks
    for network in swept.networks:
        graph = netsculpt.load(folder / network.model)
        assert graph.n_edges == network.run.weights
        assert tuple(layer.n_units for layer in graph.live().layers) == network.live
        metadata = read_model(folder / network.model).metadata
        assert metadata["plan"]["task"] == CONFIG.task
        assert metadata["run"] == asdict(network.run)
    assert set(models(folder)) == {f"seed-{run.seed}" for run in swept.runs if run.sparsest}


def test_networks_are_judged_by_the_truth(swept: Sweep, folder: Path) -> None:
    for network in swept.networks:
        graph = netsculpt.load(folder / network.model)
        labels = netsculpt.modules.sculpting(graph).labels
        a, b, c, d = labels[:4]
        assert network.inputs_found["sculpting"] == (a == b != c == d and a >= 0 and c >= 0)
        a, b, c, d = labels[-4:]
        assert network.outputs_found["sculpting"] == (a == b != c == d and a >= 0 and c >= 0)
    rates = swept.success("sculpting")
    assert rates[0] == sum(x.inputs_found["sculpting"] or 0 for x in swept.networks) / len(
        swept.networks
    )


def test_summary_is_what_was_found(swept: Sweep, folder: Path) -> None:
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["schema"] == "netsculpt.sweep/1"
    assert summary["solved"] == len(swept.networks)
    assert set(summary["success"]) == {"sculpting", "leiden"}


@pytest.mark.slow
def test_jobs_change_no_byte(tmp_path: Path) -> None:
    config = replace(CONFIG, together=4)
    assert config.batches == [(0, 1), (2, 3)]
    one, two = tmp_path / "one", tmp_path / "two"
    assert sweep(config, one).runs == sweep(config, two, jobs=2).runs
    assert models(one) == models(two) != {}


def test_a_finished_folder_is_only_read(swept: Sweep, folder: Path) -> None:
    before = models(folder)
    rounds: list[str] = []
    again = sweep(CONFIG, folder, progress=lambda stage, *_: rounds.append(stage))
    assert rounds == []
    assert again.runs == swept.runs
    assert models(folder) == before


@pytest.mark.usefixtures("blank_figures")
def test_the_detectors_of_a_run_are_kept(tmp_path: Path) -> None:
    """By both commands that resume; others can be named, and are kept from then on."""

    def judges() -> list[str]:
        return list(json.loads((tmp_path / "summary.json").read_text())["success"])

    config = SweepConfig("input-separable", (4, 8, 4), (0,), epochs=2, goal_accuracy=0.1)
    sweep(config, tmp_path, detectors=["path_signature"])
    assert judges() == ["path_signature"]
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for command in (("study", "resume", tmp_path), ("sculpt", "--resume", *PLAIN, "-o", tmp_path)):
        run = cli(*command)
        assert run.returncode == 0, run.stderr
        assert {path: path.read_bytes() for path in before} == before
    arguments = ("input-separable", "--arch", "4,8,4", "--seeds", "0", "--epochs", "2")
    arguments += ("--goal-accuracy", "10", "--unit-gradients", "10", "--edge-gradients", "2")
    sweep(config, tmp_path, detectors=["sculpting", "path_signature"])
    run = cli("sculpt", *arguments, *PLAIN, "--resume", "-o", tmp_path)
    assert (run.returncode, judges()) == (0, ["sculpting", "path_signature"]), run.stderr
    assert (
        cli("sculpt", "--resume", "-o", tmp_path, *PLAIN, "--detector", "sculpting").returncode == 0
    )
    assert cli("study", "resume", tmp_path).returncode == 0
    assert (judges(), read_detectors(tmp_path)) == (["sculpting"], ("sculpting",))


def test_plans_without_detectors_are_judged_by_the_usual_ones(tmp_path: Path) -> None:
    sweep(SweepConfig("input-separable", (4, 8, 4), (0,), epochs=1), tmp_path, detectors=[])
    path = tmp_path / "plan.json"
    content = {key: json.loads(path.read_text())[key] for key in ("schema", "plan", "task")}
    sealed = json.dumps(content, sort_keys=True).encode()
    path.write_text(json.dumps({**content, "sha256": hashlib.sha256(sealed).hexdigest()}))
    assert read_detectors(tmp_path) == DETECTORS


def test_killed_and_resumed_is_the_same_to_the_bit(tmp_path: Path) -> None:
    """kill -9 in the middle of pruning, then --resume, against an undisturbed run."""
    arguments = (
        *("input-separable", "--arch", "4,24,4", "--seeds", "0-5", "--epochs", "20"),
        *("--unit-gradients", "20", "--edge-gradients", "1"),
    )
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    command = [sys.executable, "-m", "netsculpt", "sculpt", *arguments, "-o", str(killed)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    state = killed / "rounds" / "seeds-0-5.pt"
    seen: set[int] = set()
    deadline = time.monotonic() + 120
    while len(seen) < 8:
        assert time.monotonic() < deadline
        assert process.poll() is None, "it ended before it could be killed"
        if state.exists():
            seen.add(state.stat().st_mtime_ns)
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "summary.json").exists()
    assert cli("sculpt", "--resume", *PLAIN, "-o", killed).returncode == 0
    assert cli("sculpt", *arguments, *PLAIN, "-o", whole).returncode == 0
    assert models(killed) == models(whole)
    assert len(models(whole)) > 1
    assert (killed / "runs.csv").read_text() == (whole / "runs.csv").read_text()


def test_another_configuration_is_refused(swept: Sweep, folder: Path) -> None:
    assert read_config(folder) == swept.config == CONFIG
    with pytest.raises(FormatError, match="epochs 30, this is 31"):
        sweep(replace(CONFIG, epochs=31), folder)


def test_another_task_of_the_same_name_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "f.txt"
    text.write_text("f = a & b")
    config = SweepConfig(str(text), (2, 3, 1), (0,), epochs=2, goal_accuracy=0.1)
    sweep(config, tmp_path / "runs")
    text.write_text("f = a | b")
    with pytest.raises(FormatError, match="its file changed"):
        sweep(config, tmp_path / "runs")


def test_a_broken_state_is_named(tmp_path: Path) -> None:
    config = replace(CONFIG, seeds=(0,), epochs=1)
    sweep(config, tmp_path)
    (tmp_path / "rounds" / "seeds-0-0.pt").write_bytes(b"no state")
    with pytest.raises(FormatError, match="remove it to start again"):
        sweep(config, tmp_path)


@pytest.mark.parametrize("content", [b"", b"no state", torch.ones(3), [], {"stage": "units"}])
def test_no_state_at_all(content: Any, tmp_path: Path) -> None:
    config = replace(CONFIG, seeds=(0,), epochs=1)
    sweep(config, tmp_path)
    path = tmp_path / "rounds" / "seeds-0-0.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(FormatError, match="remove it to start again"):
        sweep(config, tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        *({"widths": [4, None, 4]}, {"seeds": "abc"}, {"epochs": 2.5}, {"newer": 1}),
        {"noise": float("inf")},
    ],
)
def test_an_edited_configuration_is_told_by_its_file(
    change: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({"plan": {**asdict(CONFIG), **change}, "task": "sha256:"}))
    with pytest.raises(FormatError, match=r"plan\.json cannot be read as the configuration"):
        sweep(read_config(tmp_path), tmp_path)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"widths": (4, None, 4)}, r"tuple\[int, ...\] is needed"),
        ({"seeds": "abc"}, "seeds is 'abc'"),
        ({"epochs": 2.5}, "int is needed"),
        ({"noise": float("inf")}, "finite"),
    ],
)
def test_a_wrong_configuration_is_named(change: dict[str, Any], text: str) -> None:
    with pytest.raises(FormatError, match=text):
        replace(CONFIG, **change)


def test_a_configuration_without_its_task_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(json.dumps({"plan": asdict(CONFIG)}))
    with pytest.raises(FormatError, match="its fingerprint differs"):
        sweep(CONFIG, tmp_path)


@pytest.mark.parametrize("lost", ["rounds/seeds-0-0.pt", "rounds", "seed-0", "runs.csv"])
def test_what_was_deleted_is_made_again(lost: str, tmp_path: Path) -> None:
    config = replace(CONFIG, seeds=(0,), goal_accuracy=0.7, epochs=10)
    sweep(config, tmp_path, detectors=[])
    before = models(tmp_path), (tmp_path / "runs.csv").read_bytes()
    path = tmp_path / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    sweep(config, tmp_path, detectors=[])
    assert (models(tmp_path), (tmp_path / "runs.csv").read_bytes()) == before
    assert before[0]


@pytest.mark.parametrize(
    "change", [{"widths": (4, 4)}, {"widths": (3, 9, 4)}, {"noise": float("inf")}, {"seeds": ()}]
)
def test_what_cannot_be_done_is_not_begun(change: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(FormatError):
        sweep(replace(CONFIG, **change), tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("device", ["cuda:97", "meta", "nonsense"])
def test_a_device_that_is_not_there(device: str, tmp_path: Path) -> None:
    with pytest.raises(LimitError, match="use 'cpu'"):
        sweep(replace(CONFIG, device=device), tmp_path / "runs")
    assert not (tmp_path / "runs").exists(), "nothing is begun"


def test_the_configuration_is_what_is_done(tmp_path: Path) -> None:
    """Options that change the networks of a sweep, and the accuracy that is reported."""
    easy = replace(CONFIG, seeds=(0, 1), goal_accuracy=0.8, epochs=20)
    found = sweep(easy, tmp_path / "easy").runs
    assert all(run.solved and 0.8 <= run.accuracy <= 1 for run in found)
    assert min(run.accuracy for run in found) < 1
    more = sweep(replace(easy, single_edges=True), tmp_path / "single").runs
    assert sum(run.weights for run in more) < sum(run.weights for run in found)
    again = sweep(replace(easy, rewind=True), tmp_path / "rewind").runs
    assert again != found


PUBLISHED = replace(CONFIG, seeds=(0, 1, 2), unit_gradients=(60.0, 5.0), epochs=16, published=True)


def test_the_published_protocol_is_planned_done_and_resumed(tmp_path: Path) -> None:
    """Interrupted between unit and edge pruning; the folder has what a whole sweep has."""
    whole = sweep(PUBLISHED, tmp_path / "whole", detectors=[])
    assert json.loads((tmp_path / "whole" / "plan.json").read_text())["plan"]["published"] is True
    assert read_config(tmp_path / "whole") == PUBLISHED
    strict = sweep(replace(PUBLISHED, published=False), tmp_path / "strict", detectors=[])
    assert len(whole.networks) > len(strict.networks), "unsolved dense nets are pruned, too"
    assert all(run.accuracy == 1 for run in whole.runs if run.solved)

    def interrupt(stage: str, *_: int) -> None:
        if stage == "edges":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(PUBLISHED, tmp_path / "part", detectors=[], progress=interrupt)
    assert not (tmp_path / "part" / "runs.csv").exists()
    assert sweep(read_config(tmp_path / "part"), tmp_path / "part", detectors=[]) == whole
    assert models(tmp_path / "part") == models(tmp_path / "whole")
    with pytest.raises(FormatError, match="published True, this is False"):
        sweep(replace(PUBLISHED, published=False), tmp_path / "part")


def test_published_on_the_command_line(tmp_path: Path) -> None:
    arguments = "input-separable", "--arch", "4,10,4", "--seeds", "1", "--epochs", "16"
    run = cli(
        "sculpt", *arguments, *PLAIN, "--published", "--detector", "sculpting", "-o", tmp_path
    )
    assert run.returncode == 0, run.stderr
    assert read_config(tmp_path).published
    assert "1 of 1 network reached an accuracy of 100 %" in run.stdout
    assert "dense" not in run.stdout
    assert run.stdout.splitlines()[-1] == f"netsculpt analyze {tmp_path / 'seed-1' / 'model.pt'}"
    assert set(models(tmp_path)) == {"seed-1"}
    strict = replace(read_config(tmp_path), published=False)
    assert sweep(strict, tmp_path / "strict", detectors=[]).networks == ()


def test_networks_whose_truth_is_not_known_do_not_count(swept: Sweep) -> None:
    known = [
        replace(swept.networks[0], inputs_found={"x": None}, outputs_found={"x": right})
        for right in (True, False, None)
    ]
    found = Sweep(CONFIG, swept.runs, tuple(known))
    assert found.success("x") == (None, 0.5)


def test_unknown_method() -> None:
    with pytest.raises(FormatError, match="unit score 'size' is not one of"):
        replace(CONFIG, unit_score="size")


def test_batches_hold_all_seeds_once() -> None:
    config = replace(CONFIG, seeds=tuple(range(1200)))
    assert sum(config.batches, ()) == config.seeds
    assert all(len(batch) * 2 <= 1000 for batch in config.batches)
    wide = replace(CONFIG, widths=(784, 3000, 3000, 10), seeds=tuple(range(9)))
    assert [len(batch) for batch in wide.batches] == [1] * 9


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("reused", "--arch", "5,3,8"), "does not fit"),
        (("reused", "--arch", "4,x,8"), "4,24,24,4"),
        (("reused", "--seeds", "3-1"), "seed"),
        (("reused", "--unit-gradients", "0"), "percentages"),
        (("reused", "--schedule", "sudden"), "cubic"),
        (("reused", "--noise", "inf"), "finite"),
        (("reused", "--seeds", "0-99999999999"), "1,000,000 are the most"),
        (("reused", "-j", "0"), "0 jobs do nothing"),
        (("--resume",), "no plan.json"),
        (("--resume", "--schedule", "cubic"), "no plan.json"),
        ((), "task is needed"),
    ],
)
def test_usage_errors(arguments: tuple[str, ...], text: str, tmp_path: Path) -> None:
    run = cli("sculpt", *arguments, *PLAIN, "-o", tmp_path / "runs")
    assert run.returncode == 2
    assert text in run.stderr.replace("\n│ ", "").replace("│", "")
    assert not (tmp_path / "runs").exists()


def test_unknown_task(tmp_path: Path) -> None:
    run = cli("sculpt", "nosuch", "-o", tmp_path / "runs")
    assert run.returncode == 2
    assert "input-separable" in run.stderr


def test_a_begun_folder_wants_resume(folder: Path, swept: Sweep) -> None:
    run = cli("sculpt", "reused", "-o", folder)
    assert run.returncode == 2
    assert "--resume" in run.stderr
    assert swept.networks


def test_resuming_takes_no_other_option(folder: Path, swept: Sweep) -> None:
    run = cli("sculpt", "--resume", "-o", folder, "--epochs", "99", "--rewind")
    assert run.returncode == 2
    assert "--epochs" in run.stderr
    assert swept.networks


def test_functions_from_a_file(tmp_path: Path) -> None:
    text = tmp_path / "mine.txt"
    text.write_text("left = a & b\nright = c | d\n")
    run = cli("sculpt", text, "--arch", "4,8,2", "--seeds", "0-2", *PLAIN, "-o", tmp_path / "runs")
    assert run.returncode == 0, run.stderr
    assert "live units" in run.stdout
    assert list((tmp_path / "runs").glob("seed-*/model.pt"))
    assert read_config(tmp_path / "runs").task == str(text), "found from any folder"


def test_a_goal_is_reached_by_the_same_percentage(tmp_path: Path) -> None:
    """99.9 / 100 is a little more than 999 / 1000."""
    run = cli(
        "sculpt", "reused", "--goal-accuracy", "99.9", "--epochs", "1", "-o", tmp_path / "runs"
    )
    assert run.returncode == 0, run.stderr
    assert read_config(tmp_path / "runs").goal_accuracy == 0.999


def test_ctrl_c_says_how_to_resume(tmp_path: Path) -> None:
    arguments = ("reused", "--seeds", "0-9", "--epochs", "2000", "-o", str(tmp_path / "runs"))
    command = [sys.executable, "-m", "netsculpt", "sculpt", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("runs/rounds/*.pt")):  # all is loaded and compiled
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, text = process.communicate(timeout=60)
    # Where the interrupt passes through code that exec() runs, as in compiling, CPython ends by the
    # signal itself; a shell shows 130 for both.
    assert process.returncode in (130, -signal.SIGINT), text
    assert "sculpt --resume -o" in text
    assert "Traceback" not in text
