"""The study of data parallelism: nets of a draw, searches that resume, and tables by hand."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "analyses"), str(ROOT / "figures")]

import lee2021_parallelism  # noqa: E402
import lee2021_steps  # noqa: E402
from lee2021 import tables  # noqa: E402
from lee2021.cells import Search, Searching, Steepness, measured  # noqa: E402
from lee2021.nets import CORRECTED, DENSE, METHODS, Net, workload  # noqa: E402
from lee2021_parallelism import Config, Part, cells, study  # noqa: E402

from netsculpt.nets import masks_of  # noqa: E402
from netsculpt.nets.stacks import Stack  # noqa: E402
from netsculpt.plots.style import paper  # noqa: E402
from netsculpt.training.parallelism import gradients, scaling  # noqa: E402

SEARCHING = Searching(n_draws=4, most_steps=40, most_samples=200, enough=3)
CONFIG = Config(
    (Part(0.6, ((DENSE, 1.0), ("random", 0.5)), ("momentum",), (16, 64, 256)),),
    SEARCHING,
    (Steepness(DENSE, 1.0, n_nets=2, n_steps=2, every=1),),
)


@pytest.fixture(autouse=True)
def threads():
    """A study sets torch's threads; other tests get theirs back."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("parallelism")
    study(CONFIG).run(out)
    return out


def test_files_and_columns(folder):
    names = {path.name for path in folder.iterdir()}
    assert {"steps.csv", "scaling.csv", "ratios.csv", "lipschitz.csv", "scaling.md"} < names
    rows = pd.read_parquet(folder / "draws.parquet")
    assert len(rows) == 2 * 3 * 4
    assert set(rows["status"]) <= {"complete", "incomplete", "infeasible"}
    assert (rows["steps"].notna() == (rows["status"] == "complete")).all()
    by_size = rows.groupby("draw")[["learning_rate", "momentum"]].nunique()
    assert (by_size == 1).all().all()  # shared by all sizes and nets


def test_tables_are_minima_of_the_rows(folder):
    rows = pd.read_parquet(folder / "draws.parquet")
    table = pd.read_csv(folder / "steps.csv").set_index(["method", "batch_size"])
    least = rows.groupby(["method", "batch_size"])["steps"].min()
    expected = least.reindex(table.index).fillna(np.inf).to_numpy()
    np.testing.assert_array_equal(table["best"], expected)
    assert np.isfinite(expected).sum() >= 4
    assert (table["best_from"] == table["best"]).all()


def test_a_study_resumes_to_the_same_tables(folder):
    before = {path.name: path.read_bytes() for path in folder.glob("*.csv")}
    gone = next((folder / "cells").glob("random*"))
    gone.unlink()
    stamps = {path: path.stat().st_mtime_ns for path in (folder / "cells").iterdir()}
    study(CONFIG).run(folder)
    assert gone.is_file()
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())
    assert {path.name: path.read_bytes() for path in folder.glob("*.csv")} == before


@pytest.mark.parametrize(
    "method", [pytest.param(x, marks=pytest.mark.slow) if x == "phew" else x for x in METHODS]
)
def test_a_draw_has_its_own_net_of_exact_density(method):
    sparse, dense = workload(Net(method, 0.1), 2), workload(Net(DENSE, 1.0), 2)
    kept = [masks_of(net) for net in sparse.nets]
    for masks in kept:
        assert sum(int(mask.sum()) for mask in masks.values()) in (236, 237)  # of 2368
    assert any(not torch.equal(kept[0][name], kept[1][name]) for name in kept[0])
    for net, whole in zip(sparse.nets, dense.nets, strict=True):
        mask = masks_of(net)["fc1.weight"]
        scale = 1.0
        if method == CORRECTED:
            scale = (64 / mask.sum(1, keepdim=True).clamp(min=1)).sqrt()
        torch.testing.assert_close(net.fc1.weight, scale * whole.fc1.weight * mask)


def test_snip_sees_the_whole_training_set():
    (net,) = workload(Net("snip", 0.1), 1).nets
    dense = workload(Net(DENSE, 1.0), 1)
    rows = torch.arange(dense.task.n_samples)[None]
    whole = gradients(Stack(dense.nets), dense.task, rows)
    weights = dict(dense.nets[0].named_parameters())
    scores = {name: (weights[name] * whole[name][0]).abs() for name in masks_of(net)}
    best, _ = torch.cat([x.flatten() for x in scores.values()]).topk(237)
    for name, mask in masks_of(net).items():
        assert (mask == (scores[name] >= best[-1])).double().mean() > 0.999


def test_goals_are_not_reached_without_steps():
    (row,) = measured(Search(DENSE, 1.0, "sgd", 0.08, 64, replace(SEARCHING, most_steps=1)))[
        "searches"
    ]
    assert row["steps"] is None
    assert (row["complete"], row["incomplete"], row["searched"]) == (0, 4, 4)


def test_steepness_is_the_largest_change_of_the_gradient():
    (first, *_) = measured(Steepness(DENSE, 1.0, n_nets=1, n_steps=0))["steepness"]
    nets = workload(Net(DENSE, 1.0), 1)
    task, stack = nets.task, Stack(nets.nets)
    batch = torch.from_numpy(next(nets.order(0, task.n_samples))[:64])[None]
    step = {name: -0.1 * x for name, x in gradients(stack, task, batch).items()}
    every = torch.arange(task.n_samples)[None]

    def there(fraction):
        moved = Stack(nets.nets)
        with torch.no_grad():
            for name, values in moved.named_parameters():
                values.add_(fraction * step[name])
        found = gradients(moved, task, every)
        return torch.cat([x.flatten() for x in found.values()])

    length = torch.cat([x.flatten() for x in step.values()]).norm()
    ratios = [(there(n / 10) - there(0)).norm() / (n / 10 * length) for n in range(1, 10)]
    assert first["lipschitz"] == pytest.approx(float(max(ratios)), rel=1e-3)


def planted(method, c1, c2, *, edge=None):
    """Draws whose fastest follows a law, and what `measured` tells about them."""
    sizes = 4 ** np.arange(6)
    about = {"goal": 0.1, "optimizer": "sgd", "method": method, "density": 0.5}
    draws = [
        {**about, "batch_size": size, "draw": draw, "steps": (c1 / size + c2) * (1 + draw / 8)}
        for size in sizes
        for draw in range(40)
    ]
    kept = ["learning_rate", "momentum", "complete", "incomplete", "infeasible", "searched"]
    searches = [
        {**about, "batch_size": size, "at_edge": size == edge, **dict.fromkeys(kept, 0)}
        for size in sizes
    ]
    return draws, searches


def test_laws_and_ratios_of_planted_draws():
    parts = [planted(DENSE, 400.0, 20.0), planted("snip", 2000.0, 60.0, edge=1024)]
    draws, searches = (pd.DataFrame([*one, *two]) for one, two in zip(*parts, strict=True))
    found = tables.tables_of({"draws": draws, "searches": searches})
    laws = found["scaling"].set_index("method")
    assert laws["fitted"].to_dict() == {DENSE: 6, "snip": 5}  # not at the edge
    np.testing.assert_allclose(laws.loc["snip", ["c1", "c2"]].astype(float), [2000, 60], rtol=1e-3)
    (ratio,) = found["ratios"].to_dict("records")
    assert (ratio["c1"], ratio["c2"]) == pytest.approx((5, 3), rel=1e-3)
    # the same draws are resampled in both: the ratio does not vary
    assert (ratio["c1_from"], ratio["c1_to"]) == pytest.approx((5, 5), rel=1e-3)
    assert laws.loc[DENSE, "c1_to"] > 1.1 * laws.loc[DENSE, "c1"]
    steps = found["steps"].set_index(["method", "batch_size"])
    assert steps.loc[(DENSE, 1), "best"] == 420
    assert steps.loc[(DENSE, 1), "best_of_16"] == pytest.approx(420 * (1 + 1 / 8))


def test_nothing_is_searched_twice_and_what_matters_comes_first():
    chosen = cells(Config())
    searches = [cell for cell in chosen if isinstance(cell, Search)]
    assert len(set(chosen)) == len(chosen)
    assert len([x for x in searches if x.goal == 0.08]) == 13 * 3 * 11
    assert {cell.batch_size for cell in searches} == {2**n for n in range(11)}
    first = searches[:30]
    assert {x.goal for x in first} == {0.08}
    assert {x.batch_size for x in first} == {4**n for n in range(6)}
    quick = cells(lee2021_parallelism.QUICK)
    assert {type(cell) for cell in quick} == {Search, Steepness}


def test_the_law_of_the_tables_is_that_of_the_fit(folder):
    steps = pd.read_csv(folder / "steps.csv")
    own = steps[(steps["method"] == DENSE) & ~steps["at_edge"]]
    laws = pd.read_csv(folder / "scaling.csv").set_index("method")
    expected = scaling(own["batch_size"], own["best"])
    np.testing.assert_allclose(laws.loc[DENSE, "c1"], expected.c1)


def test_the_figure_shows_every_net(folder):
    with paper():
        page = lee2021_steps.draw(folder, "neurips")
    (ax,) = [ax for ax in page.axes if ax.get_visible()]
    assert ax.get_title() == "momentum, to 60% error"
    (legend,) = page.legends
    assert [text.get_text() for text in legend.get_texts()] == ["dense", "random 50%"]
    steps = pd.read_csv(folder / "steps.csv")
    finite = steps["best"][np.isfinite(steps["best"])]
    drawn = [y for line in ax.lines if line.get_marker() in "ox" for y in line.get_ydata()]
    assert sorted(drawn) == sorted(finite)
