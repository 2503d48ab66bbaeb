"""The study of chance in reuse: what the tasks share, and means from rows."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from netsculpt.graph.circuits import common_functions, parse_circuit

sys.path.insert(0, str(Path(__file__).parents[1] / "analyses"))

import reuse_by_chance


def test_tasks_share_what_is_said() -> None:
    circuits = {name: parse_circuit(text) for name, text in reuse_by_chance.TASKS.items()}
    shared = common_functions(circuits["source"], circuits["target"])
    assert [(x.source, x.target) for x in shared] == [
        (("left",), ("first",)),
        (("middle",), ("second",)),
    ]
    for name in ("source", "target"):
        assert not common_functions(circuits["unrelated"], circuits[name])
    assert len({x.inputs for x in circuits.values()}) <= 3
    assert {frozenset(x.inputs) for x in circuits.values()} == {frozenset("abcdefgh")}


def test_means_over_seeds() -> None:
    same = {"detector": "layered", "of": "itself"}
    pairs = [{"seed": seed, **same, "degree": degree} for seed, degree in enumerate([0.0, 0.5])]
    masks = [
        {"seed": 0, "outputs": "a b", "functions in common": 1, "iou": 0.2},
        {"seed": 0, "outputs": "a c", "functions in common": 1, "iou": 0.4},
    ]
    rows = {"pairs": pd.DataFrame(pairs), "masks": pd.DataFrame(masks)}
    tables = reuse_by_chance._tables(rows)
    assert_frame_equal(
        tables["reuse"],
        pd.DataFrame([{"of": "itself", "detector": "layered", "pairs": 2, "above_0": 1}]).assign(
            degree=0.25
        ),
    )
    assert tables["masks_by_functions"]["iou"].tolist() == pytest.approx([0.3])
    assert reuse_by_chance._tables({"unsolved": pd.DataFrame()}) == {}


@pytest.mark.slow
def test_the_study_runs(tmp_path: Path) -> None:
    config = reuse_by_chance.Config(n_seeds=2, mask_epochs=30)
    results = reuse_by_chance.study(config).run(tmp_path)
    itself = results.tables["reuse"].set_index(["of", "detector"]).loc["itself"]
    assert (itself["similar"] == 1).all(), "a net is like itself"
    assert set(results.tables["masks_by_functions"]["functions in common"]) == {1, 2}
