"""The study of weight importance: its design, nets, cells, models and figure."""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
import torch
from statsmodels.stats.anova import anova_lm
from torch import nn

from netsculpt.nets import weight_counts
from netsculpt.plots import paper

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "analyses"), str(ROOT / "figures")]

import twente_importance  # noqa: E402
import weight_importance  # noqa: E402
from twente_runs.cells import FACTORS, Cell, Settings, Treatment  # noqa: E402
from twente_runs.design import fraction, model_matrix  # noqa: E402
from twente_runs.interactions import interactions  # noqa: E402
from twente_runs.nets import net_of  # noqa: E402
from twente_runs.tables import effects, pilot, rankings  # noqa: E402


@pytest.fixture(autouse=True)
def threads():
    """A study sets torch's threads; other tests get theirs back."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_the_design_tells_pairs_of_factors_apart():
    chosen = fraction(FACTORS, 180)
    assert len(set(chosen)) == 180
    everything = [Treatment(*x) for x in product(*FACTORS.values())]
    matrix = model_matrix(chosen, FACTORS)
    n_effects = 1 + sum(len(x) - 1 for x in FACTORS.values())
    n_effects += sum((len(a) - 1) * (len(b) - 1) for a, b in combinations(FACTORS.values(), 2))
    assert matrix.shape[1] == n_effects == np.linalg.matrix_rank(matrix)
    assert np.linalg.matrix_rank(model_matrix(everything, FACTORS)) == n_effects
    for name, levels in FACTORS.items():  # every level is there, about as often as the others
        counts = [sum(getattr(x, name) == level for x in chosen) for level in levels]
        assert min(counts) > 0.5 * max(counts)
    with pytest.raises(ValueError, match="treatments asked for"):
        fraction(FACTORS, 100)


@pytest.mark.parametrize("arch", FACTORS["arch"])
@pytest.mark.parametrize("norm", FACTORS["norm"])
def test_nets_are_what_their_treatment_says(arch, norm):
    cell = Cell(Treatment(arch, "all_relu", "z", norm, "dense"), 0)
    net = net_of(cell)
    assert net(torch.zeros(3, 64)).shape == (3, 10)
    slopes = [x.negative_slope for x in net.modules() if isinstance(x, nn.LeakyReLU)]
    assert slopes == ([0.6, -0.6] * 2)[: len(slopes)]
    norms = {"none": (), "batch": (nn.BatchNorm1d, nn.BatchNorm2d)}
    kinds = norms.get(norm, (nn.LayerNorm, nn.GroupNorm))
    assert sum(isinstance(x, kinds) for x in net.modules()) == (len(slopes) if kinds else 0)
    again = dict(net_of(cell).named_parameters())
    assert all(torch.equal(x, again[name]) for name, x in net.named_parameters())


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    out = tmp_path_factory.mktemp("importance")
    few = ("magnitude", "first_order", "random")
    settings = Settings(epochs=4, n_samples=24, recovery_epochs=0, estimators=few)
    config = replace(
        twente_importance.QUICK,
        n_treatments=4,
        levels={**twente_importance.QUICK.levels, "sparsity": ("dense",)},
        settings=settings,
        pilot_settings=settings,
    )
    twente_importance.study(config).run(out)
    return out


def test_files_and_rows(results):
    names = {path.name for path in results.iterdir()}
    assert {"nets.parquet", "correlations.parquet", "effects.csv", "pilot.md"} <= names
    nets = pd.read_parquet(results / "nets.parquet")
    assert len(nets) == 2 + 4
    assert nets["accuracy_train"].min() > 0.5
    assert set(nets["part"]) == {"64-32-10", "study"}
    rows = pd.read_parquet(results / "correlations.parquet")
    assert {"magnitude", "first_order", "random", "movement"} == set(rows["estimate"])
    own = rows.query("parameter == 'all' and data == 'train' and outcome == 'signed'")
    means = own.groupby("estimate")["spearman"].mean()
    assert means["first_order"] > 0.7
    assert abs(means["random"]) < 0.1
    with paper():
        assert weight_importance.draw(results, "neurips").axes


@pytest.mark.parametrize(("method", "kept"), [("gmp", 20), ("ac_dc", 20)])
def test_sparse_methods_come_to_their_density(method, kept):
    from twente_runs.measured import _digits, _sparsifier, fit

    from netsculpt.training.fitting.recipe import Recipe

    cell = Cell(Treatment("mlp", "relu", "z", "none", f"{method} {kept}"), 0)
    recipe = Recipe(8, 64, "adam", 3e-3)
    net = fit(net_of(cell), _digits("z"), recipe, sparsifier=lambda x: _sparsifier(cell, recipe, x))
    assert weight_counts(net.net).density == pytest.approx(kept / 100, abs=0.002)


def planted_rows(rng: np.random.Generator, n_seeds: int, *, between: float = 0.0) -> pd.DataFrame:
    """Correlations that depend on two factors, and on treatments as a whole."""
    levels = {**{name: x[:3] for name, x in FACTORS.items()}, "activation": ("relu", "tanh")}
    treatments = fraction(levels, 60)
    own = between * rng.standard_normal(len(treatments))
    base = [
        {
            **vars(x),
            "seed": seed,
            "estimate": "magnitude",
            "data": "train",
            "outcome": "signed",
            "part": "study",
            "spearman": 0.5
            + 0.2 * (x.activation == "tanh")
            - 0.3 * (x.inputs == "raw")
            + by
            + 0.02 * rng.standard_normal(),
        }
        for seed in range(n_seeds)
        for x, by in zip(treatments, own, strict=True)
    ]
    return pd.DataFrame(base)


@pytest.mark.parametrize(("n_seeds", "kind"), [(4, "mixed"), (1, "least squares")])
def test_planted_effects_are_found(n_seeds, kind):
    rows = planted_rows(np.random.default_rng(0), n_seeds, between=0.02 * (n_seeds > 1))
    found = effects(rows, pd.DataFrame({"part": []})).set_index(["factor", "level"])
    assert set(found["model"]) == {kind}
    for key, true in ((("activation", "tanh"), 0.2), (("inputs", "raw"), -0.3)):
        assert found.loc[key, "effect"] == pytest.approx(true, abs=0.02)
        assert found.loc[key, "low"] < found.loc[key, "effect"] < found.loc[key, "high"]
        assert found.loc[key, "high"] - found.loc[key, "low"] < 0.05
    others = found.drop([("activation", "tanh"), ("inputs", "raw")])
    assert (others["effect"].abs() < 0.02).all()


def test_planted_interactions_are_found():
    """Of two factors that act by themselves, one of which acts more where a third has one level."""
    rows = planted_rows(np.random.default_rng(2), 3)
    both = (rows["activation"] == "tanh") & (rows["norm"] == rows["norm"].iloc[0])
    rows["spearman"] += 0.1 * both
    found = interactions(rows).set_index("factors")
    real = {"activation", "inputs", "norm", "activation × norm"}
    assert set(found.index[found["p_holm"] < 1e-4]) == real
    assert found.loc["inputs", "share"] > 0.9
    assert (found["share"].drop(list(real)) < 0.3).all()
    whole = rows.groupby(list(FACTORS), as_index=False)["spearman"].mean()
    terms = " + ".join(name for name in FACTORS if len(set(whole[name])) > 1)
    test = anova_lm(smf.ols(f"spearman ~ {terms}", whole).fit(), typ=2)
    assert found.loc["inputs", "p"] == pytest.approx(test.loc["inputs", "PR(>F)"])


def test_seeds_of_one_treatment_do_not_count_as_many():
    """Intervals are those of the means over seeds, whatever the number of seeds."""
    rows = planted_rows(np.random.default_rng(3), 5, between=0.1)
    found = effects(rows, pd.DataFrame({"part": []})).set_index(["factor", "level"])
    assert set(found["model"]) == {"mixed"}
    means = rows.groupby(list(FACTORS))["spearman"].mean().reset_index()
    for name, levels in FACTORS.items():  # the first level is what others are compared with
        means[name] = pd.Categorical(means[name], [x for x in levels if (means[name] == x).any()])
    varied = [name for name in FACTORS if len(means[name].cat.categories) > 1]
    fitted = smf.ols("spearman ~ " + " + ".join(varied), means).fit()
    halves = 1.96 * fitted.bse.drop("Intercept")
    own = (found["high"] - found["low"]) / 2
    assert sorted(own) == pytest.approx(sorted(halves), rel=0.01)
    assert (found["p_holm"] >= found["p"]).all()


def test_rankings_are_those_of_ranks():
    rng = np.random.default_rng(1)
    table = planted_rows(rng, 2)
    rows = pd.concat(
        [
            table.assign(estimate=name, spearman=table["spearman"] + by)
            for name, by in (("magnitude", 0.0), ("obd", 0.3), ("random", -0.5))
        ]
    )
    found = rankings(rows)
    assert found["estimate"].tolist() == ["obd", "magnitude", "random"]
    assert found["mean_rank"].tolist() == [1, 2, 3]
    # Demšar's table 5: q = 2.343 of three methods
    assert found["critical"].iloc[0] == pytest.approx(2.343 * np.sqrt(12 / (6 * 60)), rel=1e-3)


def test_the_pilot_is_next_to_what_is_known():
    row = {"part": "64-32-10", "estimate": "magnitude", "inputs": "z", "data": "train"}
    rows = pd.DataFrame([{**row, "outcome": "signed", "spearman": x} for x in (0.88, 0.92)])
    (found,) = pilot(rows).to_dict("records")
    assert (found["known"], found["found"], found["seeds"]) == (0.895, pytest.approx(0.9), 2)
