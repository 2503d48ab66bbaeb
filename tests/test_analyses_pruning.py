"""The studies of pruning at initialisation: quick runs, their files, and their tables."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "analyses"), str(ROOT / "figures")]

import patil2021_accuracy  # noqa: E402
import patil2021_baselines  # noqa: E402
import patil2021_graph  # noqa: E402
import patil2021_phew  # noqa: E402
import tanaka2020_synflow  # noqa: E402
from at_initialisation.cells import DENSE, METHODS, NETS, Cell, cells  # noqa: E402
from at_initialisation.measured import MEASURES, measured  # noqa: E402
from at_initialisation.pruned import BASELINES, CORRECTED, PLAIN, pruned_and_trained  # noqa: E402
from at_initialisation.study import Config, Part  # noqa: E402
from at_initialisation.tables import (  # noqa: E402
    agreement,
    baselines_beside,
    differences,
    means,
    ranks,
    with_interval,
)

from netsculpt.nets import mask_net  # noqa: E402


@pytest.fixture(autouse=True)
def threads():
    """A study sets torch's threads; other tests get theirs back."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def quick(config: Config, part: Part, **changed: object) -> Config:
    return replace(config, parts=(part,), **changed)


@pytest.fixture(scope="module")
def digits_study(tmp_path_factory):
    out = tmp_path_factory.mktemp("phew")
    part = Part("mlp", (0.05,), (0.05,), n_seeds=2, epochs=1)
    config = quick(patil2021_phew.QUICK, part, baselines=("shuffled",), methods=("synflow", "phew"))
    patil2021_phew.study(config).run(out)
    return out


@pytest.mark.slow
def test_digits_files_and_columns(digits_study):
    names = {path.name for path in digits_study.iterdir()}
    tables = {"means", "live", "ranks", "correction", "baselines", "expected"}
    tables |= {"agreement", "cut_off", "properties", "protocols"}
    assert {f"{name}.csv" for name in tables} < names
    assert {"nets.parquet", "layers.parquet", "manifest.json"} < names
    assert {"accuracies.md", "properties.md", "protocols.md"} < names
    rows = pd.read_parquet(digits_study / "nets.parquet")
    assert {*MEASURES, "accuracy", "loss", "density", "kept", "seed", "baseline"} <= set(rows)
    # dense; two methods and their baseline, from two initialisations
    assert len(rows) == 2 * (1 + 2 * 2 * 2)
    assert rows["accuracy"].between(0, 1).all()
    manifest = json.loads((digits_study / "manifest.json").read_text())
    assert (manifest["cells"], manifest["left_out"]) == (6, 0)
    assert manifest["nets"]["mlp"]["spec"] == NETS["mlp"].spec.spec


@pytest.mark.slow
def test_units_alive_are_those_known(digits_study):
    live = pd.read_csv(digits_study / "live.csv", keep_default_na=False)
    own = live[(live["baseline"] == "") & (live["role"] == "hidden") & (live["asked"] == 0.05)]
    by_method = own.groupby("method")["live"]
    assert by_method.min()["phew"] >= 122
    assert by_method.max()["synflow"] <= 80
    expected = pd.read_csv(digits_study / "expected.csv")
    rows = expected[expected["measure"].str.startswith("live")]
    assert len(rows) == 6
    for value, known, as_known in rows[["found", "known", "as known"]].to_numpy():
        low, high = map(int, known.split(" … "))
        assert as_known == (low <= value <= high)


@pytest.mark.slow
def test_same_masks_whatever_the_initial_weights(digits_study):
    rows = pd.read_parquet(digits_study / "nets.parquet")
    pattern = ["live_hidden", "effective_units", "effective_weights", "log10_paths", "ramanujan"]
    one = rows[rows["baseline"] == ""].set_index(["method", "asked", "seed", "initialisation"])
    one = one[pattern]
    plain, corrected = (one.xs(x, level="initialisation") for x in (PLAIN, CORRECTED))
    assert len(corrected) == 4
    assert np.allclose(plain.loc[corrected.index], corrected)


@pytest.mark.slow
@pytest.mark.parametrize("script", [patil2021_accuracy, patil2021_baselines, patil2021_graph])
def test_figures_show_every_method(digits_study, script):
    page = script.draw(digits_study, "neurips", "mlp")
    page.draw_without_rendering()
    names = {text.get_text() for x in page.legends for text in x.get_texts()}
    names |= {label.get_text() for ax in page.axes for label in ax.get_yticklabels()}
    assert {"synflow", "phew"} <= names
    with pytest.raises(SystemExit, match="there are mlp"):
        script.draw(digits_study, "neurips", "vgg")


@pytest.mark.slow
def test_resumes_where_it_stopped(tmp_path):
    part = Part("mlp", (0.05,), n_seeds=1, epochs=1)
    study = tanaka2020_synflow.study(
        quick(patil2021_phew.QUICK, part, methods=("magnitude", "random erk"))
    )
    assert study.run(tmp_path, budget_minutes=0).n_done == 0
    first = study.run(tmp_path)
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "cells").iterdir()}
    lost = next(path for path in written if "magnitude" in path.name)
    lost.unlink()
    assert study.run(tmp_path, budget_minutes=0).n_left_out == 1
    again = study.run(tmp_path)
    kept = {path: path.stat().st_mtime_ns for path in written if path != lost}
    assert all(written[path] == time for path, time in kept.items())
    for name in ("nets", "layers"):
        pd.testing.assert_frame_equal(first.tables[name], again.tables[name])


@pytest.mark.slow
def test_images_run_and_say_what_is_cut_off(tmp_path):
    part = Part("cnn", (0.02,), n_seeds=1, epochs=2)
    tanaka2020_synflow.study(quick(tanaka2020_synflow.QUICK, part)).run(tmp_path)
    table = pd.read_csv(tmp_path / "cut_off.csv").set_index("method")
    assert table.loc["synflow, one round", ["masks", "no_path"]].tolist() == [1, 1]
    assert table.loc["phew", ["masks", "no_path"]].tolist() == [1, 0]
    assert set(pd.read_csv(tmp_path / "live.csv")["layer"]) >= {"conv1", "conv2", "fc1", "fc2"}


def test_a_file_for_whatever_numbers_depend_on(monkeypatch):
    cell = Cell("mlp", "snip", 0.1, 0)
    others = [
        replace(cell, **x)
        for x in ({"seed": 1}, {"epochs": 3}, {"baselines": BASELINES}, {"n_scored": 9})
    ]
    name = tanaka2020_synflow.study(tanaka2020_synflow.QUICK).file_name
    assert len({name(cell), *map(name, others)}) == 5
    other = {"mlp": replace(NETS["mlp"], task="two-digits-sum")}
    monkeypatch.setattr("at_initialisation.cells.NETS", other)
    assert name(replace(cell)) != name(cell), "another net of the same name"
    monkeypatch.undo()
    made = cells(
        "mlp",
        methods=tuple(METHODS),
        densities=(0.1, 0.2),
        baselines=BASELINES,
        baseline_densities=(0.1,),
        seeds=range(2),
        epochs=None,
    )
    assert len(set(map(name, made))) == len(made) == 2 * (1 + 2 * len(METHODS))
    assert [x.seed for x in made] == sorted(x.seed for x in made)
    with_baselines = {(x.method, x.density) for x in made if x.baselines}
    assert with_baselines == {(x, 0.1) for x in METHODS if not x.startswith("random")}


def test_measures_by_hand():
    net = torch.nn.Sequential(
        torch.nn.Linear(2, 3, bias=False), torch.nn.ReLU(), torch.nn.Linear(3, 1, bias=False)
    )
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[3.0, 4.0], [1.0, 0.0], [0.0, 2.0]]))
        net[2].weight.copy_(torch.tensor([[2.0, 5.0, 7.0]]))
    masks = {
        "0.weight": torch.tensor([[True, True], [True, False], [False, False]]),
        "2.weight": torch.tensor([[True, False, True]]),
    }
    mask_net(net, masks)
    whole, layers = measured(net, torch.zeros(1, 2))
    assert whole["live_hidden"] == 1 / 3
    assert whole["effective_units"] == 4 / 6
    assert whole["effective_weights"] == 3 / 5
    assert whole["live_outputs"] == 1
    assert whole["log10_paths"] == pytest.approx(np.log10(2))
    assert whole["log10_kernel_trace"] == pytest.approx(np.log10(2**2 + 2**2 + 3**2 + 4**2))
    first = next(x for x in layers if x["layer"] == "0.weight")
    exact = np.linalg.svd(np.array([[3.0, 4.0], [1.0, 0.0]]), compute_uv=False)
    assert first["singular_mean"] == pytest.approx(exact.mean())
    assert (first["kept"], first["total"]) == (3, 6)
    assert [x["live"] for x in layers if x["kind"] == "units"] == [2, 1, 1]


def test_a_kernel_counts_by_its_scalars():
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 1, 3, bias=False), torch.nn.Flatten(), torch.nn.Linear(4, 1, bias=False)
    )
    mask = torch.zeros(1, 1, 3, 3, dtype=torch.bool)
    mask[0, 0, 0] = True
    mask_net(net, {"0.weight": mask})
    whole, _ = measured(net, torch.zeros(1, 1, 4, 4))
    assert whole["log10_paths"] == pytest.approx(np.log10(3 * 4))
    assert whole["effective_weights"] == 1


@pytest.mark.slow
def test_baselines_keep_what_they_should():
    rows = pruned_and_trained(Cell("mlp", "snip", 0.05, 0, BASELINES, epochs=1))
    kept = pd.DataFrame(rows["layers"]).query("kind == 'weights'")
    by_layer = kept.pivot_table("kept", ["layer"], ["baseline", "initialisation"])
    own = by_layer["", PLAIN]
    for baseline in ("shuffled", "reinitialised"):
        assert by_layer[baseline, PLAIN].equals(own) or (by_layer[baseline, PLAIN] == own).all()
    assert not (by_layer["inverted", PLAIN] == own).all()
    table = pd.DataFrame(rows["nets"]).set_index(["baseline", "initialisation"])
    assert set(table["kept"]) == {2112}
    pattern = ["log10_paths", "live_hidden"]
    same = table.loc[("reinitialised", PLAIN), pattern] == table.loc[("", PLAIN), pattern]
    assert same.all()
    assert table.loc[("shuffled", PLAIN), "log10_paths"] != table.loc[("", PLAIN), "log10_paths"]
    trace = table["log10_kernel_trace"]
    assert trace["reinitialised", PLAIN] < trace["", PLAIN], "snip keeps large weights"


def planted() -> pd.DataFrame:
    """Two methods, of which each is the better one from one of the initialisations."""
    rows = [
        {"net": "n", "baseline": b, "initialisation": start, "asked": 0.1, "method": m,
         "seed": seed, "accuracy": value + 0.01 * seed - (0.2 if b else 0)}
        for (m, start, value) in (
            ("a", PLAIN, 0.9), ("a", CORRECTED, 0.5), ("b", PLAIN, 0.6), ("b", CORRECTED, 0.7),
        )
        for b in ("", "shuffled")
        for seed in range(3)
    ]  # fmt: skip
    dense = {**rows[0], "method": DENSE, "accuracy": 1.0}
    table = pd.DataFrame([*rows, dense])
    return table.assign(loss=1.0, density=0.1, **dict.fromkeys(MEASURES, np.nan))


def test_tables_of_planted_rows():
    rows = planted()
    table = means(rows)
    own = table.query("method == 'a' and baseline == '' and initialisation == @PLAIN").iloc[0]
    assert own["accuracy"] == pytest.approx(0.91)
    assert own["accuracy_half"] == pytest.approx(4.30265 * 0.01 / np.sqrt(3), rel=1e-5)
    assert own["log10_paths_seeds"] == 0
    ranked = ranks(table).set_index(["initialisation", "method"])["rank"]
    assert [ranked[PLAIN, "a"], ranked[PLAIN, "b"]] == [1, 2]
    assert [ranked[CORRECTED, "a"], ranked[CORRECTED, "b"]] == [2, 1]
    gain = differences(rows).query("baseline == ''").set_index("method")["gain"]
    assert gain["a"] == pytest.approx(-0.4)
    assert gain["b"] == pytest.approx(0.1)
    assert agreement(table)["tau"].tolist() == [-1.0]
    lost = baselines_beside(rows)
    assert lost["gain"].tolist() == pytest.approx([-0.2] * 4)
    assert lost["gain_half"].tolist() == pytest.approx([0] * 4, abs=1e-12)
    read = with_interval(table, "accuracy", 2)
    assert read.iloc[0] == "0.91 ± 0.02"
    assert with_interval(table, "log10_paths").eq("–").all()
