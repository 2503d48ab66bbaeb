"""The study from scratch: its cells, its files, and its tables compared with the paper's."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

ANALYSES = Path(__file__).parents[1] / "analyses"
sys.path.insert(0, str(ANALYSES))

from patil2023.cells import GRIDS, STUDIES, cells  # noqa: E402
from patil2023.measured import DENSE, EDGES, UNITS, Sculpted, measure_sculpted  # noqa: E402
from patil2023.sculpted import read_cell, sculpt_cell, task_of, write_cell  # noqa: E402
from patil2023.sculpted_tables import (  # noqa: E402
    carrying_by_state,
    rates_beside,
    sizes,
    tests_by_state,
)
from patil2023.truth import truth_of  # noqa: E402
from patil2023_sculpting import QUICK, study  # noqa: E402

tests_by_state.__test__ = False  # is a table of tests


@pytest.fixture(scope="module")
def cell():
    first = next(x for x in cells(["exemplars"]) if x.arch == "4-24-24-4" and x.task[0] == "i")
    return replace(first, grid=GRIDS["smallest"], n_seeds=2)


@pytest.fixture(scope="module")
def found(cell):
    return sculpt_cell(cell)


def measured(cell, found, detectors=("sculpting",)):
    return measure_sculpted(Sculpted(cell.experiment, cell.arch, cell, detectors, 0), found)


def test_every_cell_fits_its_task_and_is_named_once():
    every = cells(STUDIES)
    assert len({cell.name for cell in every}) == len(every)
    for cell in every:
        if cell.study != "digits":
            task, truth = task_of(cell), truth_of(cell.published_task)
            assert cell.widths[0] == task.n_inputs == len(truth.inputs), cell
            assert cell.widths[-1] == task.n_outputs, cell
            groups = truth.output_functions(task.n_outputs)
            same = groups[:, None] == groups
            labels = task.truth.output_groups.labels
            assert np.array_equal(labels[:, None] == labels, same), cell


def test_studies_have_the_papers_cells():
    assert len(cells(["exemplars"])) == 4 * 3 * 3
    grid = cells(["overlap"])
    assert len(grid) == 5 * 2 * 3 * 3
    assert len({x.task for x in grid[:10]}) == 10, "a budget leaves out architectures, not tasks"
    assert sorted(GRIDS["published"].unit_gradients) == [float(x) for x in range(5, 75, 5)]


def test_name_changes_with_whatever_the_networks_depend_on(cell):
    others = [
        replace(cell, n_seeds=3),
        replace(cell, prunes_units=False),
        replace(cell, settings=replace(cell.settings, epochs=11)),
        replace(cell, grid=GRIDS["reduced"]),
    ]
    assert len({cell.name, *(x.name for x in others)}) == 5


def test_networks_solve_the_task_and_nothing_pruned_is_left(cell, found):
    task = task_of(cell)
    assert [row["seed"] for row in found.networks][-1] == found.seeds_tried - 1
    assert found.seeds_tried >= len(found.networks) == 2
    for at in range(2):
        x = task.inputs.numpy()
        for name, mask in found.masks.items():
            weight = found.sculpted[name][at]
            assert not weight[~mask[at]].any()
            x = np.maximum(x, 0) if name != "fc1.weight" else x
            x = x @ weight.T + found.sculpted[name.replace("weight", "bias")][at]
        assert np.array_equal(x > 0, task.targets.numpy() > 0)
        assert found.networks[at]["accuracy"] == 1
        assert found.graph(at).n_edges < found.dense_graph(at).n_edges / 10


def test_files_give_back_what_was_written(found, tmp_path):
    write_cell(tmp_path / "deep" / "cell.npz", found)
    again = read_cell(tmp_path / "deep" / "cell.npz")
    assert (again.networks, again.seeds_tried) == (found.networks, found.seeds_tried)
    for part in ("dense", "sculpted", "masks"):
        before, after = getattr(found, part), getattr(again, part)
        assert list(before) == list(after)
        for name, values in before.items():
            assert np.array_equal(values, after[name])
            assert values.dtype == after[name].dtype


def test_edges_alone_keep_more_units(cell, found):
    by_edges = sculpt_cell(replace(cell, prunes_units=False, n_seeds=1))
    starts = zip(found.dense.values(), by_edges.dense.values(), strict=True)
    assert all(np.array_equal(a[:1], b) for a, b in starts)
    assert min(row["kept"] for row in measured(cell, found)["networks"]) >= 12
    rows = measured(replace(cell, prunes_units=False), by_edges)
    assert "networks" not in rows
    assert {row["state"] for row in rows["pair_tests"]} == {EDGES}


def test_measured_states_and_tables(cell, found):
    rows = measured(cell, found)
    assert {row["state"] for row in rows["units_carrying"]} == {DENSE, UNITS}
    means = rows["mean_pair_weights"]
    assert {(row["name"], row["state"]) for row in means} == {
        ("input separable", state) for state in (DENSE, UNITS)
    }
    assert all(0 < row["pairs"].max() <= 1 for row in means)
    assert len(rows["pair_weights"]) == 2
    networks = pd.DataFrame(rows["networks"]).assign(source="here")
    published = networks.assign(source="published", inputs=False)
    table = rates_beside(pd.concat([networks, published]))
    assert table[["networks", "published_networks", "published_rate"]].to_numpy().tolist() == [
        [2, 2, 0.0]
    ]
    assert table["from"].le(table["rate"]).all()
    assert table["to"].ge(table["rate"]).all()
    wide = sizes(pd.concat([networks, published]))
    assert wide["kept_here"].tolist() == wide["kept_published"].tolist()
    by_state = tests_by_state(pd.DataFrame(rows["pair_tests"])).set_index("state")
    assert by_state.loc[UNITS, "others"] < by_state.loc[DENSE, "others"]
    carried = carrying_by_state(pd.DataFrame(rows["units_carrying"]))
    assert carried["paper"].isna().all(), "the paper's are of another task"


def test_lower_rate_than_the_published_has_a_p_value():
    row = {
        "study": "overlap", "name": "3 shared inputs", "uses": 1, "width": 24, "detector": "x",
        "hidden_layers": 1, "first_listed": True, "outputs": True, "hidden": True,
        "reused": False, "single": False, "experiment": "e", "arch": "5-24-2",
    }  # fmt: skip
    ours = [{**row, "source": "here", "inputs": at < 10} for at in range(40)]
    theirs = [{**row, "source": "published", "inputs": at < 30} for at in range(40)]
    others = [{**row, "source": "published", "inputs": False, "arch": "5-36-2"}] * 90
    table = rates_beside(pd.DataFrame(ours + theirs + others)).set_index("measure")
    assert table.loc["input separability", "published_rate"] == 0.75
    assert table.loc["input separability", "p_lower"] < 1e-4
    assert table.loc["output sub-function", "p_lower"] == 1


def test_no_seed_that_solves_gives_an_empty_cell(cell, tmp_path):
    idle = replace(cell, settings=replace(cell.settings, learning_rate=1e-9), n_seeds=1)
    found = sculpt_cell(idle)
    assert found.networks == []
    write_cell(tmp_path / "cell.npz", found)
    again = read_cell(tmp_path / "cell.npz")
    assert measured(idle, again).get("networks", []) == []
    assert torch.get_num_threads() == 1


def test_sculpted_networks_are_kept_for_other_detectors(tmp_path, monkeypatch):
    config = replace(QUICK, studies=("exemplars",), n_seeds=1, most_cells=1, out=tmp_path)
    first = study(replace(config, detectors=("sculpting",))).run(tmp_path)
    assert first.tables["cells"]["state"].tolist() == ["done"]
    monkeypatch.setattr("patil2023_sculpting.sculpt_cell", None)
    second = study(replace(config, detectors=("leiden",))).run(tmp_path)
    assert second.tables["networks"]["detector"].tolist() == ["leiden"]
    assert second.tables["sizes"].equals(first.tables["sizes"])


def test_cells_beyond_the_budget_are_listed(tmp_path):
    config = replace(QUICK, studies=("exemplars",), n_seeds=1, most_cells=1, out=tmp_path)
    study(config).run(tmp_path)
    results = study(replace(config, most_cells=3)).run(tmp_path, budget_minutes=0)
    assert results.tables["cells"]["state"].tolist() == ["done", "left out", "left out"]
    assert json.loads((tmp_path / "manifest.json").read_text())["left_out"] == 2
