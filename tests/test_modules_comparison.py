"""Comparing partitions, against the definitions and scikit-learn."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations
from math import comb, log

import numpy as np
import pytest
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from netsculpt import GraphError, Partition, planted
from netsculpt.graph.graph import live_units
from netsculpt.modules import compare, layer_ami


def random_pair(seed: int, n: int = 60) -> tuple[Partition, Partition]:
    rng = np.random.default_rng(seed)
    a = rng.integers(-1, 4, n)
    b = np.where(rng.random(n) < 0.5, a, rng.integers(-1, 5, n))
    return Partition(a), Partition(b)


def vi_by_definition(a: np.ndarray, b: np.ndarray) -> float:
    total = 0.0
    for i in set(a):
        for j in set(b):
            p, q, r = (a == i).mean(), (b == j).mean(), ((a == i) & (b == j)).mean()
            if r > 0:
                total -= r * (np.log(r / p) + np.log(r / q))
    return total


def jaccard_by_definition(a: np.ndarray, b: np.ndarray) -> float:
    rows, columns = sorted(set(a)), sorted(set(b))
    if len(rows) > len(columns):
        return jaccard_by_definition(b, a)
    index = {
        (i, j): ((a == i) & (b == j)).sum() / ((a == i) | (b == j)).sum()
        for i in rows
        for j in columns
    }
    sums = (sum(index[i, j] for i, j in zip(rows, x)) for x in permutations(columns, len(rows)))  # noqa: B905
    return max(sums) / len(columns)


@pytest.mark.parametrize("seed", range(5))
def test_all_measures(seed: int) -> None:
    a, b = random_pair(seed)
    both = (a.labels >= 0) & (b.labels >= 0)
    x, y = a.labels[both], b.labels[both]
    found = compare(a, b)
    assert found.n_compared == both.sum() > 0
    assert found.n_left_out == (~both).sum() > 0
    assert found.ari == pytest.approx(adjusted_rand_score(x, y))
    assert found.ami == pytest.approx(adjusted_mutual_info_score(x, y))
    assert found.vi == pytest.approx(vi_by_definition(x, y))
    assert found.jaccard == pytest.approx(jaccard_by_definition(x, y))
    turned = compare(b, a)
    for name in ("ari", "ami", "vi", "jaccard"):
        assert getattr(turned, name) == pytest.approx(getattr(found, name))


def test_equal_and_unrelated() -> None:
    a, _ = random_pair(0)
    same = compare(a, a)
    assert (same.ari, same.ami, same.jaccard) == (1, 1, 1)
    assert same.vi == pytest.approx(0, abs=1e-15)
    rng = np.random.default_rng(0)
    other = compare(Partition(rng.integers(0, 4, 4000)), Partition(rng.integers(0, 4, 4000)))
    assert abs(other.ari) < 0.01
    assert abs(other.ami) < 0.01
    for alike in (np.zeros(30, dtype=int), np.arange(30)):
        same = compare(Partition(alike), Partition(alike))
        assert (same.ari, same.ami, same.vi, same.jaccard) == (1, 1, 0, 1)
    singles = compare(Partition(np.arange(30)), Partition(np.zeros(30, dtype=int)))
    assert (singles.ari, singles.ami) == (0, 0)
    assert singles.vi == pytest.approx(np.log(30))
    assert singles.jaccard == pytest.approx(1 / 900)


@pytest.mark.parametrize(
    ("n", "k"), [(2, 2), (13, 13), (60, 30), (3000, 5), (3000, 900), (40_000, 9)]
)
def test_many_sizes(n: int, k: int) -> None:
    """Few large modules, many small ones, sizes of every kind."""
    rng = np.random.default_rng(n)
    a = np.minimum(rng.geometric(2 / k, n), k)
    b = np.where(rng.random(n) < 0.5, a, rng.integers(0, k, n))
    found = compare(Partition(a), Partition(b))
    assert found.ami == pytest.approx(adjusted_mutual_info_score(a, b), abs=1e-10)
    assert found.ari == pytest.approx(adjusted_rand_score(a, b), abs=1e-14)


def test_ami_by_exact_chances() -> None:
    """Sizes for which factorials in floating point are off by 10⁻¹⁰."""
    n = 1200
    a, b = np.arange(n) // 2, np.arange(n) // 3
    size, other, m = 2, 3, Fraction(n)
    expected = sum(
        n
        // size
        * (n // other)
        * float(Fraction(comb(other, x) * comb(n - other, size - x), comb(n, size)) * x / m)
        * log(x * n / (size * other))
        for x in (1, 2)
    )
    cells = np.unique(np.stack([a, b]), axis=1, return_counts=True)[1]
    mutual = sum(cell / n * log(cell * n / (size * other)) for cell in cells)
    most = (log(n / size) + log(n / other)) / 2
    exact = (mutual - expected) / (most - expected)
    assert compare(Partition(a), Partition(b)).ami == pytest.approx(exact, rel=1e-12)


def test_by_layer() -> None:
    graph, truth = planted([6, 8, 10], 2, 0.8, 0.1, rng=0)
    other = truth.labels.copy()
    other[graph.layers[1].units] = 0
    other[0] = -1
    found = compare(truth, Partition(other), layers=graph.layers)
    assert list(found.by_layer) == ["input", "hidden1", "output"]
    assert [x.n_compared for x in found.by_layer.values()] == [5, 8, 10]
    assert [x.ari for x in found.by_layer.values()] == [1, 0, 1]
    assert found.by_layer["hidden1"].jaccard == pytest.approx(0.25)
    assert found.summary()["by_layer"]["hidden1"]["ari"] == 0
    assert found.table()["units"].tolist() == ["all", "input", "hidden1", "output"]
    assert compare(truth, truth).by_layer == {}


def test_nothing_to_compare() -> None:
    found = compare(Partition([0, -1]), Partition([-1, 0]))
    assert (found.n_compared, found.n_left_out) == (0, 2)
    assert np.isnan([found.ari, found.ami, found.vi, found.jaccard]).all()
    empty = compare(Partition([]), Partition([]))
    assert (empty.n_compared, empty.n_left_out) == (0, 0)


def test_partitions_of_other_networks() -> None:
    with pytest.raises(GraphError, match="2 and 3 units"):
        compare(Partition([0, 1]), Partition([0, 1, 1]))
    graph, _ = planted([4, 4], 2, 1.0, 0.0, rng=0)
    with pytest.raises(GraphError, match="layers of 8"):
        compare(Partition([0, 1]), Partition([0, 1]), layers=graph.layers)
    with pytest.raises(GraphError, match="2 labels, the graph 8 units"):
        layer_ami(graph, Partition([0, 1]))


def test_layer_ami() -> None:
    graph, truth = planted([40] * 4, 4, 0.2, 0.02, rng=0)
    live = live_units(graph)
    assert not live.all()
    assert abs(layer_ami(graph, truth)) < 0.05
    assert layer_ami(graph, Partition(graph.layer_of)) == 1
    halves = Partition(graph.layer_of // 2)
    expected = adjusted_mutual_info_score(halves.labels[live], graph.layer_of[live])
    assert layer_ami(graph, halves) == pytest.approx(expected)
    assert np.isnan(layer_ami(graph, Partition([-1] * graph.n_units)))
