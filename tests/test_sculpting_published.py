"""The analysis of the published networks, on planted ones: the real ones are not in the project."""

from __future__ import annotations

import json
import math
import runpy
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from netsculpt.core.errors import FormatError
from netsculpt.graph.matrices import from_matrices
from netsculpt.graph.partition import Partition

ANALYSES = Path(__file__).parents[1] / "analyses"
sys.path.insert(0, str(ANALYSES))

from patil2023.networks import find_networks  # noqa: E402
from patil2023.planted import write_planted  # noqa: E402
from patil2023.structure import pair_tests  # noqa: E402
from patil2023.tables import agreement, success_rates  # noqa: E402
from patil2023.truth import judge, truth_of  # noqa: E402


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    out = tmp_path_factory.mktemp("quick")
    script = str(ANALYSES / "patil2023_published.py")
    command = [sys.executable, "-W", "error", script, "--quick", "-o", str(out), "--seed", "3"]
    ran = subprocess.run(
        [*command, "--detectors", "sculpting"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return out, ran


@pytest.mark.slow
def test_quick_run_finds_every_planted_module(results):
    out, ran = results
    rows = pd.read_parquet(out / "networks.parquet")
    assert len(rows) == 12
    assert rows["exact"].all()
    assert (pd.read_csv(out / "agreement.csv")["ari"] == 1).all()
    rates = pd.read_csv(out / "success_rates.csv")
    assert (rates["rate"] == 1).all()
    assert set(rates["measure"]) == {
        "input separability",
        "hidden-unit separability",
        "output sub-function",
        "reused sub-function",
        "exemplars",
    }
    assert "2 shared inputs" in ran.stdout
    assert not ran.stderr  # no bar unless in a terminal


@pytest.mark.slow
def test_quick_run_leaves_pairs_tests_and_manifest(results):
    out, _ = results
    pairs = pd.read_parquet(out / "pair_weights.parquet").set_index("id")["pairs"].map(np.stack)
    separable = next(pairs[x] for x in pairs.index if "exemplars-input_separable" in x)
    assert (separable[:2, 2:] == 0).all()
    assert (separable[:2, :2] > 0).all()
    tests = pd.read_parquet(out / "pair_tests.parquet")
    assert (tests["t"] > 2).all()  # 2 functions: overlap 0 and 2, and the separable exemplar
    assert not set(tests["experiment"]) & {"exemplars-reused", "exemplars-non_modular"}
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["arguments"]["seed"] == 3
    assert len(manifest["inputs"]) == 12
    assert all(x.startswith("sha256:") for x in manifest["inputs"].values())


def test_folder_and_quick_exclude_each_other(tmp_path, monkeypatch):
    script = str(ANALYSES / "patil2023_published.py")
    monkeypatch.setattr(sys, "argv", [script, str(tmp_path), "--quick"])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(script, run_name="__main__")
    assert stop.value.code == 2


# ---- which networks ----------------------------------------------------------------------------

RUN = (
    "python3 main.py --experiment module_detection --task {kind} --result_path "
    "./results/exemplar/unit_edge/ --modularity 4 2 4 --arch 4 24 24 4 --lr 0.05 --batch_size 8 "
    "--epochs 10 --seed {seed} --unit_pruning_gradient {unit} --pruning_gradient 2.5"
)


def test_clone_of_the_repository_is_read_run_by_run(tmp_path):
    runs = [
        RUN.format(kind="boolean", seed=0, unit="70.0"),
        RUN.format(kind="boolean", seed=0, unit="5.0"),  # the same run once more
        RUN.format(kind="boolean", seed=1, unit="70.0"),  # listed, but without files
        RUN.format(kind="mnist", seed=0, unit="70.0"),
    ]
    shell = tmp_path / "shell" / "exemplars" / "input_separable.sh"
    shell.parent.mkdir(parents=True)
    shell.write_text("#!/bin/bash\n\n" + "\n\n".join(runs) + "\n")
    write_planted(tmp_path / "planted", seed=0)
    source = next((tmp_path / "planted" / "exemplars-input_separable").glob("*.pth"))
    folder = tmp_path / "results" / "exemplar" / "unit_edge" / "[4, 2, 4]"
    for unit in ("70.0", "5.0"):
        stem = f"pruneactivation_gradient_productboolean0.05810{unit}2.5None1.0"
        for part, name in (("Models", f"{stem}_Model0.pth"), ("Masks", f"{stem}_Mask0.pkl")):
            target = folder / part / "[4, 24, 24, 4]" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            ending = ".mask.pkl" if part == "Masks" else ".pth"
            shutil.copy(source.with_suffix(ending), target)
    networks, without_files = find_networks(tmp_path)
    assert without_files == 1
    assert [x.first_listed for x in networks] == [True, False]
    assert networks[0].task == (4, 2, 4)
    assert networks[0].arch == (4, 24, 24, 4)
    assert networks[0].experiment == "exemplars-input_separable"
    assert networks[0].modules is None
    assert len({x.id for x in networks}) == 2


def test_other_folders_and_tasks_are_refused(tmp_path):
    with pytest.raises(FormatError, match=r"no index\.json and no shell/"):
        find_networks(tmp_path)
    with pytest.raises(FormatError, match="not one of the paper's"):
        truth_of((9, 9, 9))


# ---- what counts as success --------------------------------------------------------------------


def chain(*widths):
    return from_matrices([np.ones((b, a)) for a, b in pairwise(widths)])


@pytest.mark.parametrize(
    ("task", "inputs", "functions"),
    [
        ((8, 2, 2), [0, 0, 0, 0, 1, 1, 1, 1], [(0, 1, 2, 3), (4, 5, 6, 7)]),
        ((7, 3, 2, 2), [0, 0, 0, 1, 2, 2, 2], [(0, 1, 2, 3), (3, 4, 5, 6)]),
        ((6, 3, 2, 2), [0, 0, 1, 1, 2, 2], [(0, 1, 2, 3), (2, 3, 4, 5)]),
        ((5, 3, 2, 2), [0, 1, 1, 1, 2], [(0, 1, 2, 3), (1, 2, 3, 4)]),
        ((4, 1, 2, 2, 2), [0, 0, 0, 0], [(0, 1, 2, 3)] * 2),
        ((6, 3, 3, 3), [0, 0, 1, 1, 2, 2], [(0, 1, 2, 3), (0, 1, 4, 5), (2, 3, 4, 5)]),
    ],
)
def test_truth_says_which_inputs_each_function_reads(task, inputs, functions):
    truth = truth_of(task)
    found = [tuple(np.flatnonzero(truth.reads(f))) for f in range(len(truth.functions))]
    assert found == functions
    graph = chain(len(inputs), 2, task[-1])
    labels = [*inputs, 7, 8, *range(10, 10 + task[-1])]
    met = judge(graph, Partition(labels), truth)
    assert met["inputs"]
    assert met["outputs"]
    assert met["hidden"]
    wrong = [*inputs[1:], inputs[0], 7, 7, *[10] * task[-1]]
    met = judge(graph, Partition(wrong), truth)
    assert not met["outputs"]
    assert not met["hidden"]
    assert met["inputs"] == (len(set(inputs)) == 1)


@pytest.mark.parametrize(
    ("labels", "reused"),
    [
        ([0, 0, 0, 0, 0, 1, 2, 1, 2], True),
        ([0, 0, 0, 0, 0, 0, 1, 0, 1], False),  # outputs in the module of the inputs
        ([0, 0, 1, 1, 2, 3, 4, 3, 4], False),  # inputs apart
        ([0, 0, 0, 0, 1, 2, 3, 2, 3], False),  # a fourth module
    ],
)
def test_reused_sub_function_is_a_source_module_of_three(labels, reused):
    truth = truth_of((4, 1, 2, 2))
    assert judge(chain(4, 1, 2, 2), Partition(labels), truth)["reused"] == reused


def test_dead_input_fails_and_dead_hidden_units_do_not_count():
    truth = truth_of((4, 1, 2, 2, 2))
    met = judge(chain(4, 3, 2), Partition([0, 0, 0, -1, 1, 2, -1, 1, 2]), truth)
    assert not met["inputs"]
    assert met["hidden"]


# ---- structure ---------------------------------------------------------------------------------


def test_pair_tests_give_the_published_statistics():
    # the published heat map of a 4-48-48-48-4 (two decimals), and the t-values below it
    pairs = np.zeros((4, 4))
    pairs[:2, :2] = [[48.95, 48.17], [49.71, 48.91]]
    pairs[2:, 2:] = [[65.11, 66.11], [60.85, 61.79]]
    first, second = pair_tests(pairs, truth_of((4, 2, 4)))
    assert first["t"] == pytest.approx(156.11, rel=5e-3)
    assert second["t"] == pytest.approx(49.98, rel=5e-3)
    assert 0 < first["p"] < second["p"] < 1e-3


def test_pair_tests_agree_with_scipy_and_survive_constant_samples():
    from scipy.stats import ttest_ind

    truth = truth_of((7, 3, 2, 8))
    pairs = np.random.default_rng(0).random((7, 8))
    for test in pair_tests(pairs, truth):
        columns, reads = pairs[:, test["function"] :: 2], truth.reads(test["function"])
        expected = ttest_ind(columns[reads].ravel(), columns[~reads].ravel(), equal_var=False)
        assert test["t"] == pytest.approx(expected.statistic)
        assert test["p"] == pytest.approx(expected.pvalue)
    sharp = np.where(truth.reads(0)[:, None], 1.0, 0.0) * np.ones(8)
    test = pair_tests(sharp, truth)[0]
    assert (test["t"], test["p"]) == (math.inf, 0.0)
    assert math.isnan(pair_tests(np.zeros((7, 8)), truth)[0]["p"])


def test_pair_tests_skip_functions_that_read_all_inputs():
    assert pair_tests(np.ones((4, 4)), truth_of((4, 1, 4))) == []


# ---- tables ------------------------------------------------------------------------------------


def test_success_rates_take_first_listed_runs_and_stand_beside_the_paper():
    row = {
        "detector": "sculpting",
        "study": "overlap",
        "name": "3 shared inputs",
        "uses": 1,
        "width": 24,
        "hidden_layers": 1,
        "outputs": True,
        "hidden": False,
        "reused": False,
        "single": False,
    }
    rows = pd.DataFrame(
        [
            row | {"inputs": True, "first_listed": True},
            row | {"inputs": False, "first_listed": True},
            row | {"inputs": True, "first_listed": False},
        ]
    )
    rates = success_rates(rows).set_index("measure")
    assert rates.loc["input separability", "rate"] == 0.5
    assert rates.loc["input separability", "networks"] == 2
    assert rates.loc["input separability", "difference"] == -0.14  # the paper: 0.64
    assert rates.loc["hidden-unit separability", "difference"] == 0  # the paper: 0 to 0.06
    assert rates.loc["output sub-function", "difference"] == 0.42  # the paper: 0.58


def test_agreement_leaves_out_networks_without_published_modules():
    rows = pd.DataFrame(
        {
            "id": ["a", "b", "c"],
            "detector": "leiden",
            "exact": [True, False, None],
            "ari": [1.0, 0.5, np.nan],
            "ami": [1.0, 0.25, np.nan],
        }
    )
    (found,) = agreement(rows).to_dict("records")
    assert (found["networks"], found["exact"]) == (2, 1)
    assert (found["ari"], found["ami"], found["lowest_ari"]) == (0.75, 0.625, 0.5)
