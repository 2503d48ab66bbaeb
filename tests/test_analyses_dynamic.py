"""The study of sparse training: its cells, tests of differences, tables and figures."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import ttest_rel

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "analyses"), str(ROOT / "figures")]

import sparse_training  # noqa: E402
import sparse_training_accuracy  # noqa: E402
import sparse_training_networks  # noqa: E402
from sparse_methods import LOOKS, NAMES  # noqa: E402
from sparse_runs.cells import METHODS, Cell  # noqa: E402
from sparse_runs.tables import against_static, alike, differences  # noqa: E402
from sparse_runs.trained import MEASURES, trained  # noqa: E402
from sparse_training import Part  # noqa: E402


@pytest.fixture(autouse=True)
def threads():
    """A study sets torch's threads; other tests get theirs back."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    out = tmp_path_factory.mktemp("sparse")
    config = replace(
        sparse_training.QUICK,
        parts=(Part("mlp", (0.05,), n_seeds=2, epochs=2),),
        methods=("static", "synflow", "rigl"),
        n_nulls=1,
    )
    sparse_training.study(config).run(out)
    return out


@pytest.mark.slow
def test_files_and_columns(results):
    names = {path.name for path in results.iterdir()}
    tables = ("means", "differences", "against_static", "accuracies", "alike", "network")
    assert {f"{name}.csv" for name in tables} < names
    assert {"nets.parquet", "updates.parquet", "points.parquet", "manifest.json"} < names
    rows = pd.read_parquet(results / "nets.parquet")
    assert {*MEASURES, "accuracy", "loss", "density", "seed"} <= set(rows)
    assert len(rows) == 2 * 4  # dense, and three methods
    manifest = json.loads((results / "manifest.json").read_text())
    assert (manifest["cells"], manifest["left_out"]) == (8, 0)
    pairs = pd.read_csv(results / "differences.csv")
    assert sorted(zip(pairs["method"], pairs["other"], strict=True)) == [
        ("static", "rigl"),
        ("static", "synflow"),
        ("synflow", "rigl"),
    ]


@pytest.mark.slow
def test_what_moves_explores_and_what_stays_does_not(results):
    rows = pd.read_parquet(results / "nets.parquet").set_index("method")
    for method in ("static", "synflow"):
        assert (rows.loc[method, "ever_active"] == rows.loc[method, "density"]).all()
        assert (rows.loc[method, "of_first"] == 1).all()
    assert (rows.loc["rigl", "ever_active"] > rows.loc["rigl", "density"]).all()
    assert (rows.loc["rigl", "of_first"] < 1).all()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["phew", "srigl", "cht", "gmp", "ac_dc"])
def test_methods_train_to_their_density(method):
    epochs = 8 if method == "ac_dc" else 1
    (row,) = trained(Cell("mlp", method, 0.1, 0, n_nulls=0, epochs=epochs))["nets"]
    lowest = 0.09 if method == "srigl" else 0.0999  # whole fan-ins
    assert lowest <= row["density"] <= 0.1001


def test_every_method_has_a_look_and_a_name():
    assert set(LOOKS) == set(NAMES) == set(METHODS) - {"dense"} == set(sparse_training.SPARSE)


def frame(values: dict[str, list[float]], **columns: object) -> pd.DataFrame:
    rows = [
        {"net": "n", "asked": 0.1, "method": method, "seed": seed, "accuracy": x, **columns}
        for method, accuracies in values.items()
        for seed, x in enumerate(accuracies)
    ]
    return pd.DataFrame(rows)


def test_differences_are_paired_and_adjusted_by_holm():
    rng = np.random.default_rng(0)
    base = rng.normal(0.8, 0.1, 6)
    values = {
        "static": base,
        "set": base + 0.05 + rng.normal(0, 0.005, 6),
        "rigl": base + 0.051 + rng.normal(0, 0.005, 6),
        "cht": rng.normal(0.8, 0.2, 6),
    }
    found = differences(frame({name: list(x) for name, x in values.items()}))
    raw = {
        (row["method"], row["other"]): ttest_rel(values[row["method"]], values[row["other"]])
        for row in found.to_dict("records")
    }
    np.testing.assert_allclose(found["p"], [x.pvalue for x in raw.values()])
    ordered, largest = sorted(found["p"]), 0.0
    adjusted = {}
    for rank, p in enumerate(ordered):
        largest = max(largest, min(1.0, (6 - rank) * p))
        adjusted[p] = largest
    np.testing.assert_allclose(found["p_holm"], [adjusted[p] for p in found["p"]])
    verdicts = found.set_index(["method", "other"])["verdict"]
    assert verdicts["static", "set"] == verdicts["static", "rigl"] == "different"
    assert verdicts["set", "rigl"] == "equal"
    assert verdicts["set", "cht"] == "undecided"
    (row,) = alike(found).to_dict("records")
    assert (row["different"], row["equal"], row["undecided"]) == (2, 1, 3)
    assert row["equal within .02"] == "set = rigl"


def test_one_seed_decides_nothing_and_equal_runs_are_equal():
    alone = differences(frame({"static": [0.1], "set": [0.9]}))
    assert alone["verdict"].tolist() == ["undecided"]
    same = differences(frame({"static": [0.1, 0.2], "set": [0.1, 0.2]}))
    assert same[["p", "verdict"]].to_numpy().tolist() == [[1.0, "equal"]]


def test_measures_are_compared_with_random_masks():
    rows = frame({"static": [0.0] * 4, "set": [0.0] * 4}).assign(**dict.fromkeys(MEASURES, np.nan))
    rows["live_hidden"] = [0.5, 0.52, 0.49, 0.51, 0.8, 0.81, 0.8, 0.82]
    found = against_static(rows)
    own = found[found["measure"] == "live_hidden"].iloc[0]
    assert (own["method"], own["seeds"]) == ("set", 4)
    assert own["difference"] == pytest.approx(0.3025)
    assert own["p_holm"] == own["p"]  # nothing else could be tested


@pytest.mark.slow
@pytest.mark.parametrize("script", [sparse_training_accuracy, sparse_training_networks])
def test_figures_show_every_method(results, script):
    page = script.draw(results, "neurips", "mlp")
    page.draw_without_rendering()
    names = {text.get_text() for x in page.legends for text in x.get_texts()}
    names |= {label.get_text() for ax in page.axes for label in ax.get_yticklabels()}
    assert {"static", "SynFlow", "RigL"} <= names
    with pytest.raises(SystemExit, match="there are mlp"):
        script.draw(results, "neurips", "vgg")
