"""``netsculpt importance``: report, JSON, folder, refusals; its figures."""

from __future__ import annotations

import json
import shutil
from contextlib import chdir
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from commands import cli

from netsculpt import plots
from netsculpt.core.errors import GraphError
from netsculpt.files.model import read_model, write_model
from netsculpt.nets import LSTM, MLP, initial_net, plain_state
from netsculpt.training.importance.curves import ORDERS, PruningCurve


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("importance") / "net.pt"
    spec = LSTM((8, 8), 3, 10)
    state, masks = plain_state(initial_net(spec, rng=0))
    write_model(path, net=spec.spec, state=state, masks=masks, metadata={})
    return path


ARGUMENTS = ("--task", "digits", "--estimators", "magnitude,first_order", "--samples", 30)


@pytest.fixture(scope="module")
def folder(model: Path) -> Path:
    found = model.parent / "out"
    run = cli("importance", model, *ARGUMENTS, "-o", found, "--start", model, "--figures", "png")
    assert run.returncode == 0, run.stderr
    assert "162 kept weights" in run.stdout
    assert "first_order" in run.stdout
    return found


def test_folder(folder: Path) -> None:
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")}
    assert names >= {
        *("summary.json", "weights.csv", "correlations.csv", "effects.csv", "curves.csv"),
        *("figures/ablation.png", "figures/pruned_by_magnitude.png", "manifest.json"),
    }
    summary = json.loads((folder / "summary.json").read_text())
    weights = pd.read_csv(folder / "weights.csv")
    assert summary["n_weights"] == len(weights) == 12 * 8 + 12 * 3 + 30
    assert not weights["movement"].any()  # the start is the net itself
    correlations = pd.read_csv(folder / "correlations.csv")
    pooled = correlations[correlations["parameter"] == "all"]
    told = {(x["estimate"], x["data"], x["outcome"]): x for x in summary["correlations"]}
    for row in pooled.to_dict("records"):
        known = told[row["estimate"], row["data"], row["outcome"]]["spearman"]
        assert row["spearman"] == pytest.approx(known) or (known is None)
    both = weights[["change_train", "first_order"]].corr("spearman").iloc[0, 1]
    assert both > 0.5
    curves = pd.read_csv(folder / "curves.csv")
    assert set(curves["order"]) == set(ORDERS)
    assert curves["accuracy_recovered"].isna().all()


def test_what_is_known_is_kept(model: Path, folder: Path, tmp_path: Path) -> None:
    """Other estimators need no other ablations; other samples do."""
    found = tmp_path / "out"
    shutil.copytree(folder, found)
    again = ("importance", model, "--task", "digits", "-o", found, "--estimators", "snip")
    run = cli(*again, "--samples", 30)
    assert run.returncode == 2
    assert "--resume" in run.stderr
    run = cli(*again, "--samples", 29, "--resume")
    assert run.returncode == 3
    assert "is of a run with samples 30, this is 29" in run.stderr
    run = cli(*again, "--samples", 30, "--resume", "--curves", "none", "--figures", "none")
    assert run.returncode == 0, run.stderr
    before, after = (pd.read_csv(x / "weights.csv") for x in (folder, found))
    assert "snip" in after
    assert "first_order" not in after
    pd.testing.assert_series_equal(before["change_held_out"], after["change_held_out"])
    run = cli("importance", model, *ARGUMENTS, "--resume")
    assert run.returncode == 2
    assert "name it with -o" in run.stderr


def test_json_is_the_summary(model: Path, folder: Path) -> None:
    run = cli("importance", model, *ARGUMENTS, "--start", model, "--json")
    told, written = json.loads(run.stdout), json.loads((folder / "summary.json").read_text())
    assert {k: x for k, x in written.items() if k in told} == told


def test_the_manifest_says_what_was_asked_and_read(model: Path, folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["seed"] == 0
    assert manifest["arguments"] == {
        "model": str(model),
        "task": "digits",
        "start": str(model),
        "estimators": ["magnitude", "first_order", "movement"],
        "curves": ["ablation", "magnitude"],
        "n_samples": 30,
        "recovery": None,
        "seed": 0,
        "figures": ["png"],
        "width": "neurips",
        "verdicts": True,
    }
    own = f"sha256:{sha256(model.read_bytes()).hexdigest()}"
    assert manifest["inputs"] == [own, own]


def test_what_is_ranked_and_in_which_order_is_said(folder: Path, model: Path) -> None:
    run = cli("importance", model, *ARGUMENTS, "--curves", "first_order")
    said = " ".join(run.stdout.split())
    table = pd.read_csv(folder / "correlations.csv")
    pooled = table[table["parameter"] == "all"].groupby("data")["n"].first()
    assert f"{pooled['train']} on training samples, {pooled['held_out']} on held-out" in said
    fewest = int(pooled.min())
    assert f"chance alone gives ±{1.96 / (fewest - 1) ** 0.5:.2f}" in said
    assert "0% to 90% removed, when the smallest go first (by value, signs included)" in said
    assert "pruned by train held-out first_order" in said


@pytest.fixture(scope="module")
def other(model: Path) -> Path:
    path = model.parent / "other.pt"
    spec = MLP((64, 2, 10))
    state, masks = plain_state(initial_net(spec, rng=0))
    write_model(path, net=spec.spec, state=state, masks=masks, metadata={})
    return path


DIGITS = ("--task", "digits")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            (),
            "trained on is needed, with held-out samples. Of images: digits",
        ),
        ((*DIGITS, "--estimators", "magnitud"), "did you mean magnitude"),
        ((*DIGITS, "--estimators", "all,magnitude"), "'all' stands alone"),
        ((*DIGITS, "--estimators", "obd,obd"), "'obd' is there twice"),
        ((*DIGITS, "--estimators", "obd,movement"), "name that with --start"),
        ((*DIGITS, "--curves", "movement"), "name that with --start"),
        ((*DIGITS, "--estimators", "obd", "--curves", "snip"), "add it to --estimators"),
        ((*DIGITS, "--recovery-rate", ".1"), "add --recovery-epochs"),
        ((*DIGITS, "--figures", "png"), "name it with -o"),
        ((*DIGITS, "--width", "icml"), "name it with -o"),
        ((*DIGITS, "--start", "other.pt"), "give the same net at an earlier time"),
        (("--task", "input-separable"), "they must be equal"),
        (("--task", "digit"), "no task and no file"),
    ],
)
@pytest.mark.usefixtures("other")
def test_refusals(model: Path, arguments: tuple[str, ...], said: str) -> None:
    run = cli("importance", model, *arguments, cwd=model.parent)
    assert run.returncode == 2
    assert said in " ".join(run.stderr.replace("│", " ").split())


def test_a_task_without_held_out_samples(tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_text("f = a ^ b")
    spec = MLP((2, 3, 1))
    state, masks = plain_state(initial_net(spec, rng=0))
    write_model(tmp_path / "net.pt", net=spec.spec, state=state, masks=masks)
    run = cli("importance", "net.pt", "--task", "f.txt", cwd=tmp_path)
    assert run.returncode == 2
    said = " ".join(run.stderr.replace("│", " ").split())
    assert "choose a task of images or tokens, such as digits, or IDX files" in said
    assert "hold_out(task, 0.2, rng=0)" in said


def test_movement_may_be_named(model: Path) -> None:
    run = cli(
        *("importance", model, *DIGITS, "--estimators", "magnitude,movement", "--start", model),
        *("--samples", 5, "--curves", "none", "--json"),
    )
    summary = json.loads(run.stdout)
    assert summary["estimators"] == ["magnitude", "movement"]
    assert summary["areas"] == []


def test_a_file_of_another_kind_says_how_to_make_a_model(tmp_path: Path) -> None:
    """The code that the message points to works."""
    net = torch.nn.Sequential(torch.nn.Linear(64, 3), torch.nn.ReLU(), torch.nn.Linear(3, 10))
    torch.save(net.state_dict(), tmp_path / "own.pt")
    run = cli("importance", "own.pt", *DIGITS, cwd=tmp_path)
    assert run.returncode == 3
    assert "docs/importance.md#a-net-of-your-own" in run.stderr
    text = (Path(__file__).parent.parent / "docs/importance.md").read_text()
    own = text[text.index("## A net of your own") :]
    code = own[own.index("```python") + 9 :].partition("```")[0]
    with chdir(tmp_path):
        exec(code, {})
    run = cli("importance", "model.pt", *DIGITS, "--estimators", "magnitude", cwd=tmp_path)
    assert run.returncode == 0, run.stderr


def test_nothing_that_matters_is_no_reason_to_fail(other: Path, tmp_path: Path) -> None:
    """All hidden units are off: no weight of the first layer matters, and none of the second."""
    read = read_model(other)
    state = dict(read.state)
    state["fc1.bias"] = torch.full((2,), -1e3)
    write_model(tmp_path / "off.pt", net=read.net, state=state, masks={})
    command = ("importance", "off.pt", *DIGITS, "--estimators", "magnitude", "-o", "out")
    run = cli(*command, "--figures", "pdf", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "100.0%" in run.stdout
    assert (tmp_path / "out/figures/ablation.pdf").exists()


def test_a_net_that_keeps_nothing(other: Path, tmp_path: Path) -> None:
    read = read_model(other)
    masks = {x: torch.zeros_like(read.state[x], dtype=torch.bool) for x in ("fc1.weight",)}
    masks["fc2.weight"] = torch.zeros(10, 2, dtype=torch.bool)
    write_model(tmp_path / "none.pt", net=read.net, state=read.state, masks=masks)
    for form in ((), ("--json",)):
        run = cli("importance", "none.pt", *DIGITS, *form, cwd=tmp_path)
        assert run.returncode == 3
        assert "keeps none of its 148 weights" in run.stderr


def test_a_folder_of_somebody_else_is_refused_before_the_work(model: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("")
    run = cli("importance", model, "--task", "digits", "-o", tmp_path)
    assert run.returncode != 0
    assert "mine.txt" in run.stderr


def curve(order: str, estimate: str = "magnitude") -> PruningCurve:
    values = {"held_out": np.array([1.0, {"smallest": 0.9, "random": 0.5, "largest": 0.2}[order]])}
    return PruningCurve(estimate, order, (0.0, 0.5), values, values)


def test_curves_are_drawn() -> None:
    ax = plots.pruning_curves([curve(order) for order in ORDERS])
    drawn = {line.get_label(): line.get_xydata().tolist() for line in ax.lines}
    assert drawn["smallest first"] == [[0, 1.0], [50, 0.9]]
    assert drawn["random order"][1] == [50, 0.5]
    with pytest.raises(GraphError, match="those of one estimate"):
        plots.pruning_curves([curve("random"), curve("random", "lamp")])
