"""The study of circuits of sparse and dense transformers: its tables, and a quick run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "analyses"))

from gao2025_sparse_circuits import ORDERS, QUICK, study, tables_of

EDGES = {(0.02, 0): 4, (0.02, 1): 16, (1.0, 0): 80, (1.0, 1): 80}  # density, seed


def rows() -> dict[str, pd.DataFrame]:
    found: list[dict[str, Any]] = [
        {
            "task": "quotes",
            "density": density,
            "seed": seed,
            "order": order,
            "asked": 0.15,
            "reached": reached,
            "nodes": 5,
            "edges": edges,
            "accuracy_zero": seed / 2,
            "control_reached": None if order == "random" else False,
        }
        for (density, seed), edges in EDGES.items()
        for order, reached in (("learned", True), ("random", density == 1))
    ]
    return {"circuits": pd.DataFrame(found), "nets": pd.DataFrame([{"accuracy": 1.0}])}


def test_sizes_are_geometric_means_of_circuits_that_have_the_loss() -> None:
    sizes = tables_of(rows())["sizes"].set_index(["order", "density"])
    assert sizes.loc[("learned", 0.02), "edges"] == pytest.approx(8)
    assert sizes.loc[("learned", 1.0), "edges"] == pytest.approx(80)
    assert ("random", 0.02) not in sizes.index
    low, high = (sizes[x]["learned", 0.02] for x in ("edges_low", "edges_high"))
    half = 12.706 * np.log([4, 16]).std(ddof=1) / np.sqrt(2)  # Student's t of one degree
    assert np.log([low, high]) == pytest.approx([np.log(8) - half, np.log(8) + half], abs=1e-3)


def test_ratios_are_paired_by_seed() -> None:
    ratios = tables_of(rows())["ratios"]
    assert set(ratios["order"]) == {"learned"}
    own = ratios.set_index("task").loc["quotes"]
    assert own["pairs"] == 2
    assert own["edges_ratio"] == pytest.approx(np.sqrt(80 / 4 * 80 / 16))
    assert own["nodes_ratio"] == pytest.approx(1)


def test_ablations_are_means_over_seeds() -> None:
    table = tables_of(rows())["ablations"].set_index(["order", "density"])
    assert table.loc[("learned", 0.02), "accuracy_zero"] == 0.25
    assert table.loc[("random", 0.02), "reached"] == 0
    assert table["control_reached"].isna()["random", 0.02]


@pytest.mark.slow
def test_files_and_columns(tmp_path: Path) -> None:
    found = study(QUICK).run(tmp_path)
    nets = pd.DataFrame(found.tables["nets"]).set_index("density")
    kept, total = nets["kept"].to_dict(), nets["of"].to_dict()
    assert kept[1.0] == total[1.0]
    assert kept[0.02] == round(0.02 * total[0.02])
    circuits = pd.DataFrame(found.rows["circuits"])
    assert set(circuits["order"]) == set(ORDERS)
    assert len(circuits) == 2 * len(ORDERS) * len(QUICK.setup.losses)
    assert {path.name for path in tmp_path.iterdir()} >= {"nets.md", "sizes.md", "ratios.md"}
