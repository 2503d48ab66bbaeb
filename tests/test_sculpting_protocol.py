"""The study of the published protocol: which networks it judges, and its tables."""

from __future__ import annotations

import sys
from dataclasses import replace
from math import comb
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from netsculpt.training.sculpting.sculpt import PUBLISHED, STRICT

ANALYSES = Path(__file__).parents[1] / "analyses"
sys.path.insert(0, str(ANALYSES))

from patil2023.cells import GRIDS, cells  # noqa: E402
from patil2023_protocol import EXPERIMENT, IN_PAPER, PROTOCOLS, QUICK, study, tables  # noqa: E402


@pytest.fixture(scope="module")
def measured() -> Any:
    return study(replace(QUICK, n_seeds=2, detectors=("sculpting", "path_signature")))


def test_both_protocols_and_both_choices_are_judged(measured: Any, tmp_path: Path) -> None:
    results = measured.run(tmp_path)
    networks, seeds = results.tables["networks"], results.tables["seeds"]
    assert seeds.groupby("protocol")["seed"].apply(list).to_dict() == {
        "published": [0, 1],
        "strict": [0, 1],
    }
    strict = networks[networks["protocol"] == "strict"]
    assert strict["dense_solved"].all(), "the strict protocol prunes no other"
    assert len(strict) == 2 * 2 * strict["seed"].nunique() > 0
    kept = networks.groupby(["protocol", "seed"])["kept"]
    assert kept.min().equals(kept.max()), "equally sparse"
    assert (seeds["showing"] <= seeds["sparsest"]).all()
    again = measured.run(tmp_path)
    assert again.tables["rates"].equals(results.tables["rates"])


def rows(
    strict: dict[int, bool], published: dict[int, bool], solved: set[int]
) -> dict[str, pd.DataFrame]:
    """Networks with three hidden layers: seed → whether the function was found in it."""
    networks = [
        {
            "arch": "a", "hidden_layers": 3, "width": 24, "protocol": protocol, "seed": seed,
            "first": "unit gradient", "detector": "sculpting", "dense_solved": seed in solved,
            "kept": 30, "reused": reused,
        }
        for protocol, found in (("strict", strict), ("published", published))
        for seed, reused in found.items()
    ]  # fmt: skip
    seeds = [
        {**row, "sparsest": 2, "showing": 2 if row["reused"] else row["seed"] % 2}
        for row in networks
    ]
    return {"networks": pd.DataFrame(networks), "seeds": pd.DataFrame(seeds)}


def test_rates_have_exact_bounds_and_a_test_against_the_paper() -> None:
    """Clopper–Pearson bounds of k = n are (α/2)^(1/n) and 1; Fisher's p from its definition."""
    strict = dict.fromkeys(range(5), True)
    published = {seed: seed >= 6 for seed in range(8)}
    made = tables(rows(strict, published, set(range(5))))
    rates = made["rates"].set_index(["seeds", "protocol", "width"])
    assert set(made["rates"]["width"]) == {"24", "all"}
    row = rates.loc[("all", "strict", "all")]
    assert (row["met"], row["networks"], row["rate"], row["to"]) == (5, 5, 1, 1)
    assert row["from"] == pytest.approx(0.025 ** (1 / 5))
    row = rates.loc[("all", "published", "24")]
    in_paper, of = IN_PAPER[3]
    least = sum(comb(in_paper + 2, k) * comb(of + 8 - in_paper - 2, 8 - k) for k in range(3))
    assert row["p_lower"] == pytest.approx(least / comb(of + 8, 8))
    assert rates.loc[("dense net solves", "published", "all"), "networks"] == 5
    assert rates.loc[("dense net solves", "published", "all"), "met"] == 0


def test_the_same_seeds_are_compared() -> None:
    strict = {0: True, 1: True, 2: False, 3: False, 4: True}
    published = {0: True, 1: False, 2: True, 3: True, 7: True}
    made = tables(rows(strict, published, set(range(5))))
    (row,) = made["same_seeds"].to_dict("records")
    assert row["protocol"] == "published"
    assert (row["seeds"], row["met_by_strict"], row["met"]) == (4, 2, 3)
    assert (row["gained"], row["lost"]) == (2, 1)
    assert row["p"] == 1
    equals = made["among_equals"].set_index("protocol")
    assert equals.loc["strict", ["seeds", "some_show", "all_show"]].tolist() == [5, 4, 3]
    assert equals.loc["strict", "expected_at_random"] == pytest.approx(0.7)


def test_steps_of_less_than_one_item_do_not_occur_here() -> None:
    """Why this part of the protocol cannot matter for the exemplar: no step is so small."""
    grid = GRIDS["published"]
    for cell in cells(["exemplars"]):
        if cell.experiment == EXPERIMENT and len(cell.widths) > 3:
            n_weights = sum(a * b for a, b in zip(cell.widths, cell.widths[1:], strict=False))
            assert min(grid.unit_gradients) / 100 * sum(cell.widths[1:-1]) > 1
            assert min(grid.edge_gradients) / 100 * n_weights > 1


def test_protocols_are_the_methods_of_their_names() -> None:
    assert PROTOCOLS["strict"] == STRICT
    assert PROTOCOLS["published"] == PUBLISHED
    for name, method in PROTOCOLS.items():
        if name not in ("strict", "published"):
            assert method == replace(STRICT, **{name: True})
