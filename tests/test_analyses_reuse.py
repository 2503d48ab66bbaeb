"""The study of reuse: nets by method, tables by hand, figure."""

from __future__ import annotations

import math
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

import patil_reuse  # noqa: E402
import reuse as reuse_figure  # noqa: E402
from reuse_runs.cells import CONFOUND, Cell  # noqa: E402
from reuse_runs.measured import measured  # noqa: E402
from reuse_runs.tables import COMPARED, mean_interval, tables_of  # noqa: E402
from reuse_runs.trained import initial_net, started_from, trained  # noqa: E402

from netsculpt.graph.circuits import shared_circuits  # noqa: E402
from netsculpt.training import boolean  # noqa: E402

SMALL = replace(
    patil_reuse.QUICK.setup,
    hidden=(8, 8),
    wide=(10, 10),
    recipe=replace(patil_reuse.QUICK.setup.recipe, epochs=3),
    moving=3,
    every=8,
    phases=3,
    learning=replace(patil_reuse.QUICK.setup.recipe, epochs=2),
    fractions=(0.5, 1.0),
    goal=0.6,
    detector="layered",
    n_random=3,
    n_draws=5,
)


@pytest.fixture(scope="module", autouse=True)
def threads():
    """A study sets torch's threads; other tests get theirs back."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("reuse")
    config = replace(patil_reuse.QUICK, setup=SMALL, methods=("rigl",), n_seeds=2)
    patil_reuse.study(config).run(out)
    return out


def test_rows_are_of_every_target_and_condition(results) -> None:
    transfers = pd.read_parquet(results / "transfers.parquet")
    assert len(transfers) == 2 * 4 * 2 * 5  # seeds, k, fractions, conditions
    assert set(transfers["n_samples"]) == {128, 256}
    reuse = pd.read_parquet(results / "reuse.parquet")
    counts = reuse.groupby(["method", "shared"]).size()
    assert counts.loc["rigl"].to_dict() == dict.fromkeys([CONFOUND, 0, 1, 2, 3], 2)
    functions = pd.read_parquet(results / "functions.parquet")
    shared = functions.groupby("shared")["is_shared"].mean() * 3
    assert shared.to_dict() == {0: 0.0, 1: 1.0, 2: 2.0, 3: 3.0}
    absent = functions.loc[~functions["is_shared"], "verdict"]
    assert set(absent) == {"absent"}, "what the target's task lacks"


def test_tables_by_hand(results) -> None:
    rows = pd.read_parquet(results / "transfers.parquet")
    gains = pd.read_csv(results / "gains.csv").set_index(["method", "fraction", "shared"])
    own = gains.loc[("rigl", 0.5, 1)].set_index(["condition", "control"])
    part = rows[(rows["method"] == "rigl") & (rows["fraction"] == 0.5) & (rows["shared"] == 1)]
    wide = part.pivot_table("accuracy", "seed", "condition")
    for one, other in COMPARED:
        row, test = own.loc[(one, other)], ttest_rel(wide[one], wide[other])
        assert row["gain"] == pytest.approx((wide[one] - wide[other]).mean())
        interval = test.confidence_interval()
        assert (row["low"], row["high"]) == pytest.approx(
            (interval.low, interval.high), nan_ok=True
        )
    reuse = pd.read_parquet(results / "reuse.parquet")
    wide = reuse[reuse["method"] == "rigl"].pivot_table("mask_reuse", "seed", "shared")
    means = pd.read_csv(results / "reuse_means.csv").set_index(["method", "shared"])
    expected = (wide[2] - wide[CONFOUND]).mean()
    assert means.loc[("rigl", 2), "beyond_initial"] == pytest.approx(expected)
    assert means.loc[("rigl", 2), "mask_reuse"] == pytest.approx(wide[2].mean())
    verdicts = pd.read_csv(results / "verdicts.csv")
    names = ["reused", "relearned elsewhere", "distributed", "absent"]
    assert verdicts[names].sum(axis=1).to_numpy() == pytest.approx(1)


def test_steps_count_runs_that_do_not_arrive() -> None:
    first = {"frozen": [10.0, 20.0], "scratch": [40.0, math.nan], "shuffled": [math.nan] * 2}
    first |= {"unrelated": [10.0, 30.0], "free": [5.0, 5.0]}
    rows = [
        {"method": "rigl", "seed": seed, "fraction": 1.0, "shared": 2, "condition": name}
        | {"steps_to_goal": value, "steps": 80, "accuracy": 0.0}
        for name, values in first.items()
        for seed, value in enumerate(values)
    ]
    sources = pd.DataFrame([{"method": "rigl", "accuracy": 1.0, "finished": True}])
    sources = sources.assign(unrelated_accuracy=1.0, density=0.1)
    table = tables_of({"sources": sources, "transfers": pd.DataFrame(rows)})["steps"]
    table = table[table["condition"] == "frozen"].set_index("control")
    costs = {"scratch": 40 + 80, "shuffled": 80 + 80, "unrelated": 10 + 30, "free": 5 + 5}
    assert table["ratio"].to_dict() == pytest.approx({x: y / (10 + 20) for x, y in costs.items()})
    assert table["n_reached_control"].to_dict() == {
        "scratch": 1,
        "shuffled": 0,
        "unrelated": 2,
        "free": 2,
    }


def test_interval_of_a_mean() -> None:
    mean, low, high = mean_interval(np.array([1.0, 2.0, 4.0]))
    assert (mean, (low + high) / 2) == pytest.approx((7 / 3, 7 / 3))
    assert high - mean == pytest.approx(4.3027 * np.std([1, 2, 4], ddof=1) / 3**0.5, rel=1e-4)
    assert np.isnan(mean_interval(np.array([1.0]))[1:]).all()


@pytest.mark.parametrize("method", ["rigl", "ac_dc"])
def test_nets_start_from_the_source_or_afresh_and_come_to_their_density(method) -> None:
    cell = Cell("benefit", method, 0, SMALL)
    task = boolean(shared_circuits(3, 0, rng=0).source_circuit)
    fresh = initial_net(SMALL, 8, 0)
    (source,) = trained(cell, [fresh], [task])
    n_kept = round(SMALL.density * fresh.spec.n_weights)
    assert source.net.n_kept().tolist() == [n_kept]
    new = initial_net(SMALL, 8, 1)
    start = started_from(source.net, new)
    for name in ("fc1.weight", "fc2.weight"):
        alive = source.net.masks[name][0].any(1)
        assert torch.equal(start.masks[name], source.net.masks[name])
        on_a_path = (start.parameters[name][0] == source.net.parameters[name][0]).all(1)
        fresh_rows = (start.parameters[name][0] == new.parameters[name][0]).all(1)
        assert (on_a_path | fresh_rows).all()
        assert on_a_path[alive].sum() > 2
    assert torch.equal(start.parameters["fc3.weight"], new.parameters["fc3.weight"])
    both = trained(cell, [start, fresh], [task, task])
    assert [int(x.net.n_kept()) for x in both] == [n_kept, n_kept]
    for name, values in both[1].net.parameters.items():
        torch.testing.assert_close(values, source.net.parameters[name], atol=1e-4, rtol=1e-3)


def test_a_source_that_is_not_sculpted_has_no_targets() -> None:
    assert measured(Cell("reuse", "sculpted", 0, SMALL)) == {}
    rows = measured(Cell("benefit", "sculpted", 0, SMALL))
    assert rows.keys() == {"sources"}
    assert not rows["sources"][0]["finished"]


def test_figure(results, capsys) -> None:
    page = reuse_figure.draw(results, "neurips")
    page.draw_without_rendering()
    assert len(page.axes) == 4
    (legend,) = page.legends
    labels = {text.get_text() for text in legend.get_texts()}
    assert labels >= {"RigL", "against unrelated", "could be reused", "source with itself"}
    patil_reuse.show({x.stem: pd.read_csv(x) for x in results.glob("*.csv")})
    assert "verdicts" in capsys.readouterr().out
