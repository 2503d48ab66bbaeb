"""Mask reuse and weight retention: what chance gives, by shuffling masks."""

from __future__ import annotations

import itertools
import json
import math
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from netsculpt.compare.reuse import (
    KeptWeights,
    LayerReuse,
    initialisation_confound,
    mask_reuse,
    weight_retention,
)
from netsculpt.core.errors import FormatError

Masks = dict[str, NDArray[np.bool_]]


def random_masks(rng: np.random.Generator, density: float, shape=(40, 50)) -> Masks:
    return {name: rng.random(shape) < density for name in ("fc1", "fc2")}


@pytest.mark.parametrize("density", [0.05, 0.2, 0.5])
def test_independent_random_masks(density: float) -> None:
    rng = np.random.default_rng(0)
    found = [
        mask_reuse(random_masks(rng, density), random_masks(rng, density), n_draws=1, rng=0)
        for _ in range(400)
    ]
    corrected = np.array([x.corrected for x in found])
    assert abs(corrected.mean()) < 4 * corrected.std() / math.sqrt(len(found))
    n, kept = 4000, 4000 * density
    known = math.sqrt(density * (1 - density) / kept) / (1 - density)  # the density was known
    sd = known * math.sqrt((n - kept) / (n - 1))  # it is counted: what is left is less
    assert corrected.std() == pytest.approx(sd, rel=0.12)
    assert np.mean([x.sd for x in found]) == pytest.approx(sd, rel=0.02)
    if density == 0.05:
        assert corrected.std() == pytest.approx(known, rel=0.12), "the same in sparse nets"


def test_the_null_is_that_of_shuffled_masks() -> None:
    """All ways to place both masks of a small layer, one by one."""
    n, k_source, k_target = 6, 3, 2
    source = np.arange(n) < k_source
    exact: list[float] = []
    for places in itertools.combinations(range(n), k_target):
        target = np.isin(np.arange(n), places)
        exact.append(mask_reuse({"a": source}, {"a": target}, n_draws=1, rng=0).corrected)
    target = np.isin(np.arange(n), [0, 1])
    found = mask_reuse({"a": source}, {"a": target}, n_draws=20_000, rng=0)
    assert (found.corrected, found.reuse) == (1.0, 1.0)
    assert found.sd == pytest.approx(np.std(exact))
    assert found.p == pytest.approx(np.mean(np.array(exact) >= 1.0 - 1e-9), abs=0.01)
    assert np.mean(exact) == pytest.approx(0.0, abs=1e-12)


def test_p_is_uniform_where_nothing_is_reused() -> None:
    rng = np.random.default_rng(1)
    ps = [
        mask_reuse(random_masks(rng, 0.2), random_masks(rng, 0.2), n_draws=99, rng=i).p
        for i in range(200)
    ]
    assert sum(p <= 0.05 for p in ps) <= 19, "binomial, 200 × .05: 19 or fewer in 99.7 %"
    assert 0.4 < np.mean(ps) < 0.6


def test_layers_are_pooled_by_what_the_target_keeps() -> None:
    source = {"a": np.arange(10) < 5, "b": np.arange(10) < 2, "dense": np.ones(4, bool)}
    target = {"a": np.arange(10) < 4, "b": np.arange(10) >= 9, "dense": np.arange(4) < 2}
    found = mask_reuse(source, target, rng=0)
    by_hand = [(Fraction(1) - Fraction(1, 2)) / Fraction(1, 2), -Fraction(1, 5) / Fraction(4, 5)]
    assert [x.corrected for x in found.layers[:2]] == [float(x) for x in by_hand]
    assert math.isnan(found.layers[2].corrected), "any target reuses a dense layer"
    assert found.corrected == pytest.approx(float((4 * by_hand[0] + 1 * by_hand[1]) / 5))
    assert found.reuse == pytest.approx(6 / 7)
    assert found.summary()["by_layer"]["dense"] is None
    assert list(found.table()["n_shared"]) == [4, 0, 2]


def test_extremes() -> None:
    rng = np.random.default_rng(2)
    mask = random_masks(rng, 0.3)
    same = mask_reuse(mask, mask, rng=0)
    assert (same.reuse, same.corrected, same.p) == (1.0, 1.0, 1 / 1000)
    assert same.z > 10
    other = {name: ~x for name, x in mask.items()}
    assert mask_reuse(mask, other, rng=0).reuse == 0.0
    nothing = {name: np.zeros_like(x) for name, x in mask.items()}
    empty = mask_reuse(mask, nothing, rng=0)
    assert math.isnan(empty.corrected)
    assert empty.p == 1.0
    assert math.isnan(LayerReuse("a", 0, 0, 0, 0).reuse)
    with pytest.raises(FormatError, match="the same weights"):
        mask_reuse(mask, {"fc1": mask["fc1"]})


def test_what_the_initial_weights_explain_is_subtracted() -> None:
    """Masks by magnitude of the same initial weights, without and with a trained part in common."""
    rng = np.random.default_rng(3)
    shape, kept = (60, 60), 360

    def trained(*parts: NDArray[np.float64]) -> Masks:
        weight = np.abs(sum(parts) + 0.5 * rng.normal(size=shape))
        return {"fc": weight >= np.sort(weight, axis=None)[-kept]}

    initial, learned = 2 * rng.normal(size=(2, *shape))
    source, target = trained(initial, learned), trained(initial, learned)
    unrelated = [trained(initial, 2 * rng.normal(size=shape)) for _ in range(2)]
    confound = initialisation_confound(source, target, unrelated[0], rng=0)
    assert confound.unrelated.p < 0.01, "they overlap, though they learned nothing in common"
    assert confound.difference > 0.3
    assert confound.difference == confound.target.corrected - confound.unrelated.corrected
    nothing = initialisation_confound(source, unrelated[1], unrelated[0], rng=0)
    assert abs(nothing.difference) < 0.1
    assert confound.summary()["difference"] == confound.difference
    assert json.dumps(confound.summary(), allow_nan=False)
    assert len(confound.table()) == 2


def test_retention_from_its_definition() -> None:
    rng = np.random.default_rng(4)
    nets = []
    for _ in range(3):
        weights = {"a": rng.normal(size=(8, 5)), "b": rng.normal(size=7)}
        nets.append(
            KeptWeights(weights, {name: rng.random(x.shape) < 0.6 for name, x in weights.items()})
        )
    source, target, control = nets
    target.weights["a"][::2] = source.weights["a"][::2] * 1.05
    found = weight_retention(source, target, control, tolerance=0.1)
    shares = []
    for other in (target, control):
        hits = [
            abs(other.weights[name][i] - w) <= 0.1 * abs(w)
            for name, weight in source.weights.items()
            for i, w in np.ndenumerate(weight)
            if source.masks[name][i] and other.masks[name][i]
        ]
        shares.append(np.mean(hits))
    assert (found.retained, found.control) == (pytest.approx(shares[0]), pytest.approx(shares[1]))
    assert found.difference == pytest.approx(shares[0] - shares[1])
    assert json.dumps(found.summary(), allow_nan=False)
    assert list(found.table()["layer"]) == ["a", "b"]
    same = weight_retention(source, source, source, tolerance=0)
    assert (same.retained, same.difference) == (1.0, 0.0)


def test_retention_falls_with_noise() -> None:
    rng = np.random.default_rng(5)
    weights, mask = {"fc": rng.normal(size=(50, 50))}, {"fc": rng.random((50, 50)) < 0.3}
    source = KeptWeights(weights, mask)
    noise = rng.normal(size=(50, 50))
    shares = []
    for level in (0, 0.01, 0.1, 1, 10, 1000):
        target = KeptWeights({"fc": weights["fc"] + level * noise}, mask)
        shares.append(weight_retention(source, target, source).retained)
    assert shares[0] == 1.0
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] < 0.01


def test_nets_that_do_not_fit_are_refused() -> None:
    net = KeptWeights({"fc": np.ones((2, 3))}, {"fc": np.ones((2, 3), bool)})
    with pytest.raises(FormatError, match="mask of 'fc' in the target"):
        weight_retention(net, KeptWeights(net.weights, {"fc": np.ones((3, 2), bool)}), net)
    with pytest.raises(FormatError, match="the same weights"):
        weight_retention(net, net, KeptWeights({"a": np.ones(1)}, {"a": [True]}))
    with pytest.raises(FormatError, match="NaN or infinite"):
        weight_retention(net, net, KeptWeights({"fc": np.full((2, 3), np.nan)}, net.masks))
