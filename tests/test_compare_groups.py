"""Two groups of networks: permutation tests, effect sizes, and the features that they are of."""

from __future__ import annotations

import csv
import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from commands import cli
from graphs import relabelled, scaled
from modularity import mixed

import netsculpt
from netsculpt.cli.spreading import spread_option
from netsculpt.compare import groups
from netsculpt.compare.group_tests.permutations import divisions
from netsculpt.compare.group_tests.statistics import (
    energy_distances,
    hedges_g,
    mean_differences,
    step_down,
)
from netsculpt.core.errors import FormatError
from netsculpt.graph.npz import save
from netsculpt.pipeline.features import SCALE_BOUND

PLAN = netsculpt.AnalysisPlan(n_nulls=0, n_seeds=0)


def rows(values: np.ndarray) -> list[dict[str, float]]:
    return [{f"f{i}": float(x) for i, x in enumerate(row)} for row in values]


# --- statistics ---


def test_energy_distance_is_its_definition() -> None:
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(4, 3)), generator.normal(1, 2, size=(6, 3))

    def mean_distance(one: np.ndarray, other: np.ndarray) -> float:
        return float(np.mean([np.linalg.norm(a - b) for a in one for b in other]))

    wanted = 2 * mean_distance(x, y) - mean_distance(x, x) - mean_distance(y, y)
    first = np.array([[1.0] * 4 + [0.0] * 6])
    assert energy_distances(np.vstack([x, y]), first)[0] == pytest.approx(wanted)


def test_energy_distance_in_one_dimension_is_that_of_scipy() -> None:
    generator = np.random.default_rng(1)
    x, y = generator.normal(size=5), generator.normal(1, 1, size=7)
    first = np.array([[1.0] * 5 + [0.0] * 7])
    found = energy_distances(np.concatenate([x, y])[:, None], first)[0]
    assert found == pytest.approx(scipy.stats.energy_distance(x, y) ** 2)


def test_mean_differences_are_in_the_order_of_t() -> None:
    values = np.random.default_rng(2).normal(size=(9, 1))
    standard = (values - values.mean(axis=0)) / values.std(axis=0)
    dealt = divisions(4, 5)
    found = mean_differences(standard, dealt.first)[:, 0]
    t = [
        abs(scipy.stats.ttest_ind(values[x == 1, 0], values[x == 0, 0]).statistic)
        for x in dealt.first
    ]
    assert scipy.stats.spearmanr(found, t).statistic == pytest.approx(1)


def test_all_divisions_are_there_once() -> None:
    dealt = divisions(3, 4)
    assert dealt.is_exact
    chosen = [tuple(np.flatnonzero(row).tolist()) for row in dealt.first]
    assert chosen == list(combinations(range(7), 3))
    assert chosen[0] == (0, 1, 2)


def test_random_divisions_are_as_large_and_repeatable() -> None:
    dealt, again = (divisions(11, 12, n_random=50, rng=3) for _ in range(2))
    assert not dealt.is_exact
    assert dealt.n == 51
    assert (dealt.first.sum(axis=1) == 11).all()
    assert (dealt.first == again.first).all()
    assert len({row.tobytes() for row in dealt.first}) > 45


def test_exact_p_is_that_of_scipy() -> None:
    generator = np.random.default_rng(4)
    x, y = generator.normal(size=4), generator.normal(1, 1, size=4)
    (feature,) = groups(rows(x[:, None]), rows(y[:, None])).features
    wanted = scipy.stats.permutation_test(
        (x, y), lambda a, b: abs(a.mean() - b.mean()), alternative="greater", n_resamples=10**6
    ).pvalue
    assert feature.p == feature.adjusted_p == pytest.approx(wanted)


def test_energy_p_is_the_share_of_divisions_as_far_apart() -> None:
    values = np.random.default_rng(5).normal(size=(7, 2))
    values[:3] += 1
    standard = (values - values.mean(axis=0)) / values.std(axis=0)
    distances = []
    for chosen in combinations(range(7), 3):
        inside = np.isin(range(7), chosen)
        one, other = standard[inside], standard[~inside]
        pairs = [(one, other, 2), (one, one, -1), (other, other, -1)]
        distances.append(
            sum(
                sign * np.mean([np.linalg.norm(a - b) for a in p for b in q])
                for p, q, sign in pairs
            )
        )
    found = groups(rows(values[:3]), rows(values[3:]))
    assert found.energy == pytest.approx(distances[0])
    assert found.p == pytest.approx(np.mean(np.array(distances) >= distances[0] - 1e-9))
    assert found.n_divisions == 35


def test_step_down_is_its_definition() -> None:
    statistics = np.random.default_rng(6).random((40, 5))
    found = step_down(statistics)
    order = sorted(range(5), key=lambda i: -statistics[0, i])
    for rank, feature in enumerate(order):
        wanted = statistics[:, order[rank:]].max(axis=1)
        assert (found[:, feature] == wanted).all()


def test_adjusted_p_rises_with_the_number_of_features() -> None:
    generator = np.random.default_rng(7)
    x, y = generator.normal(size=(6, 12)), generator.normal(size=(6, 12))
    y[:, 0] += 3
    found = groups(rows(x), rows(y)).features
    assert all(row.adjusted_p >= row.p for row in found)
    assert found[0].adjusted_p < 0.05
    in_order = sorted(found, key=lambda row: row.p)
    adjusted = [row.adjusted_p for row in in_order]
    assert adjusted == sorted(adjusted)


def test_g_of_a_known_pair_and_its_interval() -> None:
    generator = np.random.default_rng(8)
    hits, estimates = [], []
    for _ in range(1000):
        g, low, high = hedges_g(generator.normal(size=8), generator.normal(1.0, 1.0, size=12))
        hits.append(low <= 1.0 <= high)
        estimates.append(g)
    assert np.mean(estimates) == pytest.approx(1.0, abs=0.06)  # unbiased
    assert 0.92 < np.mean(hits) < 0.98
    x, y = np.array([1.0, 3.0, 4.0]), np.array([2.0, 6.0, 7.0])
    assert hedges_g(x, y)[0] == pytest.approx(-hedges_g(y, x)[0])
    assert np.isnan(hedges_g(np.ones(3), np.zeros(3))).all()


# --- groups ---


def test_swapped_groups_have_the_same_p_and_the_other_sign() -> None:
    generator = np.random.default_rng(9)
    x, y = rows(generator.normal(size=(4, 3))), rows(generator.normal(1, 1, size=(5, 3)))
    one, other = groups(x, y), groups(y, x)
    assert one.p == other.p
    assert one.energy == pytest.approx(other.energy)
    for a, b in zip(one.features, other.features, strict=True):
        assert (a.p, a.adjusted_p) == (b.p, b.adjusted_p)
        assert a.g == pytest.approx(-b.g)


def test_units_of_features_do_not_matter() -> None:
    values = np.random.default_rng(10).normal(size=(8, 3))
    one = groups(rows(values[:4]), rows(values[4:]))
    other = groups(rows(values[:4] * [1, 1e6, 1e-6] + 5), rows(values[4:] * [1, 1e6, 1e-6] + 5))
    assert one.energy == pytest.approx(other.energy)
    assert [x.p for x in one.features] == [x.p for x in other.features]


def test_what_cannot_be_compared_is_named() -> None:
    first = [{"a": 1.0, "b": 2.0, "c": 0.0, "d": 1.0}, {"a": 2.0, "b": 2.0, "c": np.nan, "d": 2.0}]
    second = [{"a": 3.0, "b": 2.0, "c": 1.0}, {"a": 4.0, "b": 2.0, "c": 1.0}]
    found = groups(first, second)
    assert [row.feature for row in found.features] == ["a"]
    assert set(found.left_out) == {"b", "c", "d"}
    json.dumps(found.summary(), allow_nan=False)
    with pytest.raises(FormatError, match="the same in all"):
        groups([{"b": 1.0}] * 2, [{"b": 1.0}] * 2)
    with pytest.raises(FormatError, match="two or more"):
        groups(first[:1], second)


@pytest.fixture(scope="module")
def population() -> list[dict[str, float]]:
    """Features of 60 small networks of one kind."""
    features = []
    for seed in range(60):
        graph, _ = netsculpt.planted([8, 8, 6], 2, 0.5, 0.15, rng=seed)
        features.append(netsculpt.network_features(netsculpt.analyze(graph, PLAN, rng=0)))
    return features


@pytest.mark.slow
def test_size_of_both_tests(population: list[dict[str, float]]) -> None:
    """1,000 trials of two groups of one kind: 5 % of them are called different, ± 1.5 points."""
    generator = np.random.default_rng(11)
    whole, any_feature = [], []
    for trial in range(1000):
        chosen = generator.permutation(60)[:12]
        drawn = [population[i] for i in chosen]
        found = groups(drawn[:6], drawn[6:], n_permutations=199, rng=trial)
        whole.append(found.p <= 0.05)
        any_feature.append(bool(found.significant()))
    assert 0.035 <= np.mean(whole) <= 0.065
    assert np.mean(any_feature) <= 0.065


@pytest.mark.slow
def test_power_for_networks_of_another_kind(population: list[dict[str, float]]) -> None:
    generator, hits = np.random.default_rng(12), []
    others = []
    for seed in range(20):
        graph, _ = netsculpt.planted([8, 8, 6], 2, 0.65, 0.0, rng=seed)  # as dense, modular
        others.append(netsculpt.network_features(netsculpt.analyze(graph, PLAN, rng=0)))
    for trial in range(40):
        x = [population[i] for i in generator.permutation(60)[:10]]
        y = [others[i] for i in generator.permutation(20)[:10]]
        hits.append(groups(x, y, n_permutations=199, rng=trial).p <= 0.05)
    assert np.mean(hits) >= 0.9


# --- features ---


def test_features_do_not_depend_on_the_order_of_units_or_most_on_their_scale() -> None:
    graph = mixed(3)
    graph = graph.with_weights(np.where(graph.weights.data == 0, 0.5, graph.weights.data))
    generator = np.random.default_rng(0)
    shuffled, _ = relabelled(graph, generator)
    rescaled = scaled(graph, 2.0 ** generator.integers(-3, 4, graph.n_units))
    plan = netsculpt.AnalysisPlan(n_nulls=0, n_seeds=0, weights=("pattern",))
    before, after, other = (
        netsculpt.network_features(netsculpt.analyze(x, plan, rng=0))
        for x in (graph, shuffled, rescaled)
    )
    of_modules = ("modularity", "n_modules", "n_levels", "trophic_incoherence")
    for name, value in before.items():
        if name not in of_modules:  # detectors find other optima in another order
            assert after[name] == pytest.approx(value, rel=1e-6), name
        if not any(part in name for part in SCALE_BOUND):
            assert other[name] == pytest.approx(value, rel=1e-5), name
    changed = [name for name in before if other[name] != pytest.approx(before[name], rel=1e-5)]
    assert changed
    assert len(before) > 25


def test_features_of_a_network_by_hand() -> None:
    graph = netsculpt.from_matrices([np.array([[1.0, 1.0], [0.0, 2.0]]), np.array([[3.0, 1.0]])])
    found = netsculpt.network_features(netsculpt.analyze(graph, PLAN, rng=0))
    assert found["density"] == pytest.approx(5 / 6)
    assert found["density input → hidden1"] == 0.75
    assert found["log10_paths"] == pytest.approx(np.log10(3))
    assert found["log10_path_weight"] == pytest.approx(np.log10(3 + 3 + 2))
    assert found["in_degree_q50"] == 1.5
    assert found["in_degree_cv"] == pytest.approx(0.5 / 1.5)
    assert found["in_strength_q90"] == pytest.approx(1.5)  # 2 of mean 4/3 both
    shares = np.array([2 / 3, 1 / 3])
    assert found["path_share_spread"] == pytest.approx(np.exp(-(shares * np.log(shares)).sum()) / 2)
    assert found["path_share_top"] == pytest.approx(2 / 3)
    assert found["live_units"] == found["live_edges"] == 1


# --- the command ---


def test_groups_of_the_shell_and_of_folders(tmp_path: Path) -> None:
    for kind, (inside, across) in {"a": (0.9, 0.05), "b": (0.5, 0.45)}.items():
        for seed in range(4):
            graph, _ = netsculpt.planted([8, 8, 8], 2, inside, across, rng=seed)
            tmp_path.joinpath(kind).mkdir(exist_ok=True)
            save(graph, tmp_path / kind / f"{seed}.npz")
    quick = ("--nulls", 0, "--stability-seeds", 0)
    files = {kind: sorted((tmp_path / kind).iterdir()) for kind in "ab"}
    out = tmp_path / "out"
    run = cli(
        "compare", *files["a"], "--against", *files["b"], *quick, "-o", out, "--figures", "png"
    )
    assert run.returncode == 0, run.stderr
    assert "4 against 4 networks" in run.stdout
    assert "70 divisions, all" in run.stdout
    summary = json.loads((out / "summary.json").read_text())
    assert summary["p"] == pytest.approx(2 / 70)
    assert summary["first"] == [str(path) for path in files["a"]]
    assert len((out / "models.csv").read_text().splitlines()) == 9
    assert (out / "figures" / "features.png").is_file()
    again = cli("compare", tmp_path / "a", "--against", tmp_path / "b", *quick, "--json")
    assert json.loads(again.stdout)["energy_distance"] == summary["energy_distance"]


def test_groups_of_one_are_refused_before_the_work(tmp_path: Path) -> None:
    for name in "ab":
        tmp_path.joinpath(f"{name}.pt").write_text("not read")
    run = cli("compare", tmp_path / "a.pt", "--against", tmp_path / "b.pt")
    assert run.returncode == 2
    assert "groups of 1 and 1 model found" in " ".join(run.stderr.replace("│", " ").split())


def test_only_this_option_of_this_command_takes_all_that_follows() -> None:
    given = ["compare", "a", "--against", "b", "c", "--seed", "1", "d"]
    wanted = ["compare", "a", "--against", "b", "--against", "c", "--seed", "1", "d"]
    assert spread_option(given, "compare", "--against") == wanted
    other = ["analyze", *given[1:]]
    assert spread_option(other, "compare", "--against") == other


def test_a_damaged_file_is_named_by_its_path(tmp_path: Path) -> None:
    """Files of several runs have the same names."""
    graph, _ = netsculpt.planted([6, 8, 4], 2, 0.6, 0.1, rng=0)
    paths = [tmp_path / name / "graph.npz" for name in "abcd"]
    for path in paths:
        path.parent.mkdir()
        save(graph, path)
    paths[3].write_bytes(paths[3].read_bytes()[:200])
    run = cli("compare", *paths[:2], "--against", *paths[2:], "--nulls", 0)
    assert run.returncode == 3
    assert str(paths[3]) in run.stderr


def test_the_least_p_of_small_groups_is_said() -> None:
    rows = [{"density": x} for x in (0.1, 0.2, 0.3, 0.4, 0.5)]
    alike, unlike = groups(rows[:2], rows[2:4]), groups(rows[:2], rows[2:])
    assert alike.least_p == pytest.approx(2 / 6) == alike.p
    assert unlike.least_p == pytest.approx(1 / 10)
    assert unlike.p >= unlike.least_p


# --- what features say of few modules ---


def features_of(*matrices: np.ndarray) -> dict[str, float]:
    graph = netsculpt.from_matrices([np.asarray(x, dtype=float) for x in matrices])
    return netsculpt.network_features(netsculpt.analyze(graph, PLAN, rng=0))


def test_a_module_of_one_unit_counts_as_in_an_analysis() -> None:
    """Four strands, and the input alone."""
    found = features_of(np.ones((4, 1)), np.eye(4), np.eye(4))
    assert (found["n_modules"], found["n_levels"]) == (5, 2)
    assert found["trophic_incoherence"] == 0


def test_perfect_layers_have_no_incoherence_of_rounding() -> None:
    """One of 1e-32 would count as a difference from 0."""
    blocks = np.kron(np.eye(2), np.ones((3, 3)))
    weights = np.array([[1.3], [-0.2], [0.7], [2.1], [0.4], [-1.9]])
    assert features_of(weights, blocks, np.ones((1, 6)))["trophic_incoherence"] == 0


def test_incoherence_is_undefined_where_no_module_feeds_another(tmp_path: Path) -> None:
    parallel = np.kron(np.eye(2), np.ones((4, 4)))
    assert np.isnan(features_of(parallel, parallel)["trophic_incoherence"])
    for index in range(4):
        linked = parallel.copy()
        linked[4, :index] = 1.0  # edges from the first module to the second; none in the first net
        save(netsculpt.from_matrices([linked, parallel]), tmp_path / f"{index}.npz")
    paths, out = sorted(tmp_path.glob("*.npz")), tmp_path / "out"
    run = cli("compare", *paths[:2], "--against", *paths[2:], "--nulls", 0, "-o", out)
    assert run.returncode == 0, run.stderr
    said = " ".join(run.stdout.split())
    assert "no module feeds another in 1 of 4 networks: trophic_incoherence" in said
    with (out / "models.csv").open(newline="") as file:
        column = [row["trophic_incoherence"] for row in csv.DictReader(file)]
    assert column == ["", "0.0", "0.0", "0.0"]


def test_a_table_of_models_has_no_incoherence_there_either(tmp_path: Path) -> None:
    parallel = np.kron(np.eye(2), np.ones((4, 4)))
    for index in range(2):
        save(netsculpt.from_matrices([parallel] * (2 + index)), tmp_path / f"{index}.npz")
    out = tmp_path / "out"
    quick = ("--nulls", 0, "--stability-seeds", 0, "--figures", "png")
    run = cli("analyze", *sorted(tmp_path.glob("*.npz")), *quick, "-o", out)
    assert run.returncode == 0, run.stderr
    with (out / "models.csv").open(newline="") as file:
        column = [row["layered_trophic_incoherence"] for row in csv.DictReader(file)]
    assert column == ["", ""]
    assert "Undefined (–) where no module feeds another" in (out / "report.html").read_text()
