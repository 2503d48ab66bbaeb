"""Matching of modules: similarities by their definition, and what significance is worth."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from netsculpt.compare.pair import debiased_cka
from netsculpt.compare.reuse import ModuleActivations, match_by_activations, match_by_units
from netsculpt.core.discoveries import benjamini_hochberg
from netsculpt.core.errors import FormatError, GraphError
from netsculpt.graph.partition import Partition


def net(seed: int, n: int = 60, widths=(9, 9), k: int = 3, shared=None) -> ModuleActivations:
    """Units that are noisy copies of their module's two signals."""
    rng = np.random.default_rng(seed)
    units = sum(widths)
    layer_of = np.repeat(range(len(widths)), widths)
    labels = np.concatenate([np.arange(w) % k for w in widths])
    signals = rng.normal(size=(n, 2 * k)) if shared is None else shared
    which = 2 * labels + rng.integers(2, size=units)
    values = signals[:, which] + 0.1 * rng.normal(size=(n, units))
    return ModuleActivations(values, Partition(labels), layer_of)


def naive_correlation(x: np.ndarray, y: np.ndarray) -> float:
    r = [[abs(np.corrcoef(a, b)[0, 1]) for b in y.T] for a in x.T]
    one = np.mean([max(row) for row in r])
    other = np.mean([max(row[j] for row in r) for j in range(len(r[0]))])
    return (one + other) / 2


def test_similarities_from_their_definition() -> None:
    one, other = net(0), net(1)
    for kind, naive in (("correlation", naive_correlation), ("cka", debiased_cka)):
        found = match_by_activations(one, other, similarity=kind, n_draws=1, rng=0).similarity
        for s, t in itertools.product(range(3), repeat=2):
            x = one.values[:, one.partition.labels == s]
            y = other.values[:, other.partition.labels == t]
            assert found[s, t] == pytest.approx(naive(x, y))
    a, b = Partition([0, 0, 1, 1, -1, 2]), Partition([0, 1, 1, 1, 2, -1])
    found = match_by_units(a, b, [0] * 6, n_draws=1, rng=0).similarity
    for s, t in itertools.product(range(3), repeat=2):
        x, y = (set(np.flatnonzero(p.labels == m)) for p, m in ((a, s), (b, t)))
        assert found[s, t] == pytest.approx(len(x & y) / len(x | y))


def test_the_matching_is_the_best_of_all() -> None:
    found = match_by_activations(net(0), net(1, shared=None), n_draws=1, rng=0)
    totals = [
        sum(found.similarity[s, t] for s, t in enumerate(order))
        for order in itertools.permutations(range(3))
    ]
    assert sum(x.similarity for x in found.pairs) == pytest.approx(max(totals))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_permuted_and_rescaled_units_match_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = net(0), net(1)
    units = len(other.layer_of)
    order = np.lexsort((rng.random(units), other.layer_of))
    scale = rng.choice([-1, 1], units) * rng.lognormal(0, 2, units)
    labels = other.partition.labels[order]
    first = list(dict.fromkeys(labels.tolist()))  # Partition numbers modules by their first unit
    moved = ModuleActivations(
        (other.values * scale + rng.normal(size=units))[:, order], Partition(labels), other.layer_of
    )
    found = match_by_activations(one, moved, n_draws=1, rng=0)
    before = match_by_activations(one, other, n_draws=1, rng=0)
    assert found.similarity == pytest.approx(before.similarity[:, first], abs=1e-7)
    assert {(x.source, first[x.target]) for x in found.pairs} == {
        (x.source, x.target) for x in before.pairs
    }


def test_twice_the_units_are_no_less_similar() -> None:
    one = net(0)
    doubled = ModuleActivations(
        np.repeat(one.values, 2, axis=1),
        Partition(np.repeat(one.partition.labels, 2)),
        np.repeat(one.layer_of, 2),
    )
    found = match_by_activations(one, doubled, n_draws=1, rng=0)
    assert [x.similarity for x in found.pairs] == pytest.approx([1.0] * 3)


@pytest.mark.parametrize("kind", ["correlation", "cka"])
def test_the_same_modules_are_significant(kind: str) -> None:
    signals = np.random.default_rng(9).normal(size=(60, 10))
    nets = [net(seed, widths=(30, 30), k=5, shared=signals) for seed in (0, 1)]
    found = match_by_activations(*nets, similarity=kind, n_draws=199, rng=0)
    assert [(x.source, x.target) for x in found.pairs] == [(i, i) for i in range(5)]
    assert len(found.significant()) >= (5 if kind == "correlation" else 4)
    assert all(x.z > 2 and x.similarity > x.chance for x in found.significant())


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["correlation", "cka"])
def test_modules_at_random_are_significant_as_often_as_they_may(kind: str) -> None:
    wrong = 0
    for seed in range(40):
        one, other = net(seed), net(1000 + seed)
        at_random = Partition(np.random.default_rng(seed).permutation(other.partition.labels))
        other = ModuleActivations(other.values, at_random, other.layer_of)
        found = match_by_activations(one, other, similarity=kind, n_draws=99, rng=seed)
        wrong += bool(found.significant())
    assert wrong <= 7, "binomial, 40 × .05 at most: 7 or fewer in 99.9 %"


def test_modules_of_strangers_are_not_similar() -> None:
    """They beat random sets, being of a piece, so that p alone does not say that they are alike."""
    pairs = [
        x
        for seed in range(40)
        for x in match_by_activations(net(seed), net(1000 + seed), n_draws=99, rng=seed).pairs
    ]
    assert max(x.similarity for x in pairs) < 0.5
    assert sum(x.p <= 0.05 for x in pairs) > 0.1 * len(pairs), "more than .05 of them"


def test_the_least_p_by_all_arrangements() -> None:
    """One module of two of the layer's four units: one in six random ones is the module itself."""
    labels = Partition([0, 0, -1, -1])
    found = match_by_units(labels, labels, [0] * 4, n_draws=4_000, rng=0)
    assert found.pairs[0].p == pytest.approx(1 / 6, abs=0.025)
    assert found.pairs[0].chance == pytest.approx((1 + 4 / 3) / 6, abs=0.025)
    layers = match_by_units(labels, labels, [0, 0, 1, 1], n_draws=50, rng=0)
    assert layers.pairs[0].p == 1.0, "a module that fills its layer has no other place"
    assert np.isnan(layers.pairs[0].z)


def test_more_modules_than_partners_leave_some_over() -> None:
    one, other = net(0, k=3), net(0, k=2)
    found = match_by_activations(one, other, n_draws=19, rng=0)
    assert len(found.pairs) == 2
    assert found.summary()["n_modules"] == [3, 2]
    assert len(match_by_activations(other, one, n_draws=19, rng=0).pairs) == 2


def test_constant_units_and_modules_take_no_part() -> None:
    one, other = net(0), net(1)
    dead = ModuleActivations(
        np.where(other.partition.labels == 2, 7.0, other.values), other.partition, other.layer_of
    )
    found = match_by_activations(one, dead, n_draws=19, rng=0)
    assert np.isnan(found.similarity[:, 2]).all()
    assert len(found.pairs) == 2
    assert found.sizes == ((6, 6, 6), (6, 6, 0))


def test_same_seed_same_numbers() -> None:
    a, b = (match_by_activations(net(0), net(1), n_draws=49, rng=3) for _ in range(2))
    assert a.summary() == b.summary()
    assert json.dumps(a.summary(), allow_nan=False)
    assert list(a.table().columns)[:3] == ["source", "target", "similarity"]


def test_what_does_not_fit_is_refused() -> None:
    one = net(0)
    with pytest.raises(FormatError, match="the same samples"):
        match_by_activations(one, net(1, n=50))
    with pytest.raises(FormatError, match="labels"):
        match_by_activations(one, ModuleActivations(one.values, Partition([0]), [0]))
    with pytest.raises(FormatError, match="one of correlation, cka"):
        match_by_activations(one, one, similarity="euclid")
    bad = ModuleActivations(np.full((60, 18), np.nan), one.partition, one.layer_of)
    with pytest.raises(FormatError, match="not all finite"):
        match_by_activations(one, bad)
    with pytest.raises(GraphError, match="match other nets by their activations"):
        match_by_units(Partition([0]), Partition([0, 1]), [0])


@given(st.lists(st.floats(0, 1), max_size=12))
def test_false_discoveries_against_scipy(p: list[float]) -> None:
    found = benjamini_hochberg(p)
    assert found.tolist() == pytest.approx(false_discovery_control(p).tolist() if p else [])
    with_gap = benjamini_hochberg([*p, np.nan])
    assert with_gap[:-1].tolist() == found.tolist()
    assert np.isnan(with_gap[-1])


def test_p_outside_0_to_1_is_refused() -> None:
    with pytest.raises(GraphError, match="from 0 to 1"):
        benjamini_hochberg([0.5, 1.5])
