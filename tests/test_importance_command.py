"""``netsculpt importance``: report, JSON, folder, refusals; its figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import cli

from netsculpt import plots
from netsculpt.core.errors import GraphError
from netsculpt.files.model import write_model
from netsculpt.nets import LSTM, initial_net, plain_state
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


def test_json_is_the_summary(model: Path, folder: Path) -> None:
    run = cli("importance", model, *ARGUMENTS, "--start", model, "--json")
    told, written = json.loads(run.stdout), json.loads((folder / "summary.json").read_text())
    assert {k: x for k, x in written.items() if k in told} == told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "a task is needed"),
        (("--task", "digits", "--estimators", "magnitud"), "did you mean magnitude?"),
        (("--task", "input-separable"), "they must be equal"),
    ],
)
def test_refusals(model: Path, arguments: tuple[str, ...], said: str) -> None:
    run = cli("importance", model, *arguments)
    assert run.returncode == 2
    assert said in " ".join(run.stderr.replace("│", " ").split())


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
