"""Signals in pruned nets: Jacobians by definition, tables by hand, a study that resumes."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

ANALYSES = Path(__file__).parents[1] / "analyses"
sys.path.insert(0, str(ANALYSES))

from lee2020.jacobians import by_layer  # noqa: E402
from lee2020.measured import (  # noqa: E402
    DENSE,
    FAN_IN,
    ISOMETRY,
    NORMS,
    PLAIN,
    RAW,
    STATES,
    Cell,
    Settings,
    _drawn,
    _scaled,
    _scored_by,
    measured,
)
from lee2020.tables import tables_of  # noqa: E402
from lee2020_signal import QUICK, Config, study  # noqa: E402

from netsculpt.nets import MLP, initial_net, weight_counts  # noqa: E402
from netsculpt.nets.initialisations import orthogonal  # noqa: E402
from netsculpt.training import Recipe, prune  # noqa: E402
from netsculpt.training.tasks import digits  # noqa: E402

RECIPE = Recipe(epochs=2, batch_size=500, optimizer="sgd", learning_rate=0.03)
SETTINGS = Settings(RECIPE, widths=(64, 16, 16, 10), n_samples=32, n_jacobians=2)
CELL = Cell(0, "tanh", "orthogonal", "random", "labelled", (0.3,), SETTINGS)


@pytest.fixture(scope="module")
def rows():
    return measured(CELL)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_jacobians_are_the_derivatives_of_outputs_by_inputs(activation):
    net = initial_net(MLP((64, 9, 7, 10), activation), rng=0)
    inputs = digits().inputs[:3]
    rows = by_layer(net, inputs)
    assert [row["layer"] for row in rows] == [1, 2, 3]
    net = net.double()
    stages = {2: 3, 3: 6, 1: 0}  # layer: at which child it begins
    for layer, first in stages.items():
        upto = net[: first + 3]
        values = np.concatenate([
            np.linalg.svd(
                torch.autograd.functional.jacobian(upto, x[None].double())[0, :, 0].numpy(),
                compute_uv=False,
            )
            for x in inputs
        ])  # fmt: skip
        row = rows[layer - 1]
        assert row["through_mean"] == pytest.approx(values.mean())
        assert row["through_sd"] == pytest.approx(values.std())
        assert (row["through_max"], row["through_min"]) == pytest.approx(
            (values.max(), values.min()), abs=1e-12
        )
        own = []
        for x in inputs:
            before = net[:first](x[None].double()).detach()
            part = net[first : first + 3]
            jacobian = torch.autograd.functional.jacobian(part, before)[0, :, 0].numpy()
            own += list(np.linalg.svd(jacobian, compute_uv=False))
        assert row["layer_mean"] == pytest.approx(np.mean(own))
        assert row["layer_sd"] == pytest.approx(np.std(own))


def test_an_orthogonal_linear_net_is_an_isometry():
    net = orthogonal(initial_net(MLP((64, 64)), rng=0), rng=0)
    (row,) = by_layer(net, digits().inputs[:2])
    assert row["through_mean"] == pytest.approx(1, abs=1e-6)
    assert row["layer_sd"] == pytest.approx(0, abs=1e-6)
    assert row["layer_density"] == 1


def test_a_cell_has_all_states_and_is_the_same_again(rows):
    assert list(rows) == list(RAW)
    again = measured(CELL)
    assert json.dumps(again) == json.dumps(rows)
    assert [row["state"] for row in rows["runs"]] == list(STATES)
    assert len(rows["curves"]) == 4 * RECIPE.epochs
    assert len(rows["isometry"]) == 4 * 3
    layers = pd.DataFrame(rows["isometry"])
    kept = layers.pivot_table("layer_density", "layer", "state")
    assert kept.eq(kept[PLAIN], axis=0).all(axis=None), "masks are the same in all states"
    spread = layers.groupby("state")["layer_sd"].mean()
    assert spread[ISOMETRY] < spread[NORMS]
    through = layers[layers["layer"] == 3].set_index("state")["through_mean"]
    assert through[ISOMETRY] > 2 * through[PLAIN]


def test_dense_nets_have_no_inputs_to_correct_for():
    found = measured(replace(CELL, method=DENSE, densities=(1.0,)))
    assert [row["state"] for row in found["runs"]] == [PLAIN, NORMS, ISOMETRY]
    assert FAN_IN not in {row["state"] for row in found["curves"]}


def test_scaled_layers_have_the_other_norms_and_one_factor():
    net = _drawn(CELL)
    other = _drawn(replace(CELL, init="he"))
    found = _scaled(net, other)
    for name in ("fc1", "fc2", "fc3"):
        weights = [getattr(x, name).weight.detach() for x in (net, other, found)]
        norms = [float(x.norm()) for x in weights]
        assert norms[2] == pytest.approx(norms[1])
        torch.testing.assert_close(weights[2] / norms[2], weights[0] / norms[0])


def test_samples_without_labels_are_the_same_for_all_classes():
    task = digits()
    for samples in ("unlabelled", "noise"):
        ((inputs, targets),) = _scored_by(replace(CELL, samples=samples), task)
        assert inputs.shape == (32, 64)
        assert torch.equal(targets, torch.full((32, 10), 0.1))
        assert (float(inputs.min()) < 0) == (samples == "noise")
    ((inputs, targets),) = _scored_by(CELL, task)
    assert targets.dtype == torch.int64
    found = prune(_drawn(CELL), method="snip", density=0.2, batches=_scored_by(CELL, task), rng=0)
    assert found.report.weights.total == weight_counts(_drawn(CELL)).total


def run(seed: int, state: str, accuracies: list[float]) -> dict[str, list[dict[str, object]]]:
    labels = {
        "seed": seed, "activation": "tanh", "init": "he", "method": "random",
        "samples": "labelled", "density": 0.1, "state": state,
    }  # fmt: skip
    values = {"layer_mean": 1.0, "layer_sd": 0.5, "layer_density": 0.1}
    through = {"through_mean": 0.0, "through_sd": 0.0, "through_max": 0.0}
    return {
        "isometry": [labels | {"layer": 1} | values | through],
        "curves": [
            labels | {"epoch": at, "accuracy": x, "validation_loss": seed + at / 10}
            for at, x in enumerate(accuracies, start=1)
        ],
        "runs": [labels | {"diverged": False, "dead_units": 0, "connected": seed > 0}],
    }


def frames(done: list[dict[str, list[dict[str, object]]]]) -> dict[str, pd.DataFrame]:
    return {name: pd.DataFrame([row for rows in done for row in rows[name]]) for name in RAW}


def test_tables_by_hand():
    done = [
        run(0, PLAIN, [0.1, 0.2, 0.3]),
        run(1, PLAIN, [0.1, 0.9, 0.95]),
        run(2, PLAIN, [0.95, 0.1, 0.7]),
        *(run(seed, ISOMETRY, [0.1, 0.1, 0.95]) for seed in range(3)),
    ]
    tables = tables_of(frames(done), (2,), 0.9)
    speed = tables["speed"].set_index("state")
    assert speed.loc[PLAIN, ["seeds", "reached", "epochs_to_goal"]].tolist() == [3, 2, 2]
    assert speed.loc[ISOMETRY, ["reached", "epochs_to_goal", "diverged"]].tolist() == [3, 3, 0]
    assert speed.loc[PLAIN, "connected"] == pytest.approx(2 / 3)
    assert speed.loc[PLAIN, "accuracy"] == pytest.approx(0.65)
    half = 4.302653 * np.std([0.3, 0.95, 0.7], ddof=1) / math.sqrt(3)  # t of 2 degrees, 97.5 %
    assert speed.loc[PLAIN, "accuracy_to"] == pytest.approx(0.65 + half)
    assert speed.loc[PLAIN, "loss_2"] == pytest.approx(1.2)
    gains = tables["gains"].set_index("state")
    assert list(gains.index) == [ISOMETRY]
    assert gains.loc[ISOMETRY, "accuracy"] == pytest.approx(0.3)
    assert gains.loc[ISOMETRY, "loss_2"] == pytest.approx(0)
    values = tables["singular_values"].set_index("state")
    assert values.loc[PLAIN, "through_log10"] == -12
    assert tables["layer_densities"][1].tolist() == pytest.approx([0.1])


def test_nets_that_diverged_are_counted_and_left_out_of_means():
    done = [run(seed, PLAIN, [0.1, 0.95]) for seed in range(3)]
    done[0]["runs"][0]["diverged"] = True
    done[0]["curves"].pop()
    speed = tables_of(frames(done), (1,), 0.9)["speed"].iloc[0]
    assert speed[["seeds", "diverged", "reached"]].tolist() == [3, 1, 2]
    assert speed["accuracy"] == 0.95
    assert speed["loss_1"] == pytest.approx(1.6)


def test_where_half_were_never_good_no_epoch_is_reported():
    done = [run(seed, PLAIN, [0.1, 0.95 if seed == 0 else 0.1]) for seed in range(2)]
    speed = tables_of(frames(done), (1,), 0.9)["speed"]
    assert speed["reached"].tolist() == [1]
    assert speed["epochs_to_goal"].isna().all()


def test_every_cell_is_named_once_and_seeds_come_last():
    for config in (Config(), QUICK):
        every = study(config).cells
        assert len({study(config).file_name(cell) for cell in every}) == len(every)
        assert [cell.seed for cell in every] == sorted(cell.seed for cell in every)
    other = replace(CELL, settings=replace(SETTINGS, held_out=0.3))
    name = study(QUICK).file_name
    assert len({name(CELL), name(other), name(replace(CELL, densities=(0.2,)))}) == 3


@pytest.mark.slow
def test_the_study_resumes_where_its_budget_ended(tmp_path):
    config = Config(
        activations=("relu",), methods=("random",), densities=(0.3,), init_densities=(0.3,),
        n_seeds=1, settings=SETTINGS, checkpoints=(1,),
    )  # fmt: skip
    assert study(config).run(tmp_path, budget_minutes=0).n_left_out == 12
    study(config).run(tmp_path)
    files = {x.name: x.stat().st_mtime_ns for x in (tmp_path / "cells").iterdir()}
    assert len(files) == 12
    study(config).run(tmp_path)
    assert {x.name: x.stat().st_mtime_ns for x in (tmp_path / "cells").iterdir()} == files
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["left_out"] == 0
    assert manifest["arguments"]["settings"]["recipe"]["learning_rate"] == 0.03
    speed = pd.read_csv(tmp_path / "speed.csv")
    assert len(speed) == 3 * 3 + 4 + 8 * 4  # dense, random, SNIP's
    assert set(pd.read_parquet(tmp_path / "curves.parquet")["epoch"]) == {1, 2}
