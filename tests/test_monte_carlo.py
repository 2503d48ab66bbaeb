"""z and p, and whether they mean what they say."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest

from netsculpt import GraphError, NetGraph, from_matrices, planted, significance
from netsculpt.core.random import RNG, stream
from netsculpt.modules import layered, ncut, quality, spectral
from netsculpt.nulls import rebalanced, rewire, shuffle_layer, shuffle_weights


def lottery(graph: NetGraph, *, rng: RNG = None) -> NetGraph:
    """A null model in which the first weight is a uniform number."""
    return graph.with_weights(np.full(graph.n_edges, np.random.default_rng(rng).random()))


def first_weight(graph: NetGraph) -> float:
    return float(graph.weights.data[0])


@pytest.fixture
def graph() -> NetGraph:
    made, _ = planted([4, 4], 1, 1.0, 1.0, rng=0)
    return made.with_weights(np.full(16, 0.75))


def given(values: list[float]) -> object:
    """A statistic that returns these values one after the other."""
    left = iter(values)
    return lambda graph: next(left)


@pytest.mark.parametrize("tail", ["greater", "less"])
def test_z_and_p(graph: NetGraph, tail: str) -> None:
    found = significance(first_weight, graph, null=lottery, n=200, rng=0, tail=tail)
    draws = found.draws
    assert (found.value, found.n, draws.shape, found.tail) == (0.75, 200, (200,), tail)
    assert found.mean == pytest.approx(draws.mean())
    assert found.sd == pytest.approx(draws.std(ddof=0))
    assert found.z == pytest.approx((0.75 - draws.mean()) / draws.std())
    extreme = draws >= 0.75 if tail == "greater" else draws <= 0.75
    assert found.p == (extreme.sum() + 1) / 201
    assert found.p == pytest.approx(0.25 if tail == "greater" else 0.75, abs=0.1)
    assert "draws" not in found.summary()
    assert found.summary()["p"] == found.p


def test_published_z(graph: NetGraph) -> None:
    """One row of the published results: 10.0422 against 10.1518 ± 0.02139 in 50 shuffles."""
    draws = 10.1518 + 0.02139 * np.tile([-1.0, 1.0], 25)
    statistic = given([10.0422, *draws])
    found = significance(statistic, graph, null=lottery, n=50, rng=0, tail="less")
    assert found.z == pytest.approx(-5.124, abs=5e-4)
    assert found.p == 1 / 51


@pytest.mark.parametrize(("value", "p"), [(0.1, 1.0), (0.2, 0.1), (0.0, 1.0)])
@pytest.mark.parametrize("tail", ["greater", "less"])
def test_a_degenerate_null(graph: NetGraph, value: float, p: float, tail: str) -> None:
    """Draws that differ by rounding alone: no z, whatever their rounding would make of it."""
    sign = 1 if tail == "greater" else -1
    draws = sign * np.array([0.1, *[np.nextafter(0.1, 1), np.nextafter(0.1, 0)] * 4])
    found = significance(given([sign * value, *draws]), graph, null=lottery, n=9, rng=0, tail=tail)
    assert (found.mean, found.sd, found.p) == (0.1 * sign, 0.0, p)
    assert np.isnan(found.z)
    assert found.is_degenerate
    assert found.delta == pytest.approx(sign * (value - 0.1))
    (note,) = found.notes
    assert note.startswith("All 9 null draws are")
    assert "z is undefined" in note
    assert found.summary()["z"] is None
    assert json.loads(json.dumps(found.summary()))["notes"] == [note]


def test_a_small_spread_is_a_spread(graph: NetGraph) -> None:
    """Far above rounding, however small."""
    draws = 1e-9 + 1e-15 * np.arange(9)
    found = significance(given([1e-9 + 2e-14, *draws]), graph, null=lottery, n=9, rng=0)
    assert not found.is_degenerate
    assert found.z == pytest.approx((20 - 4) / np.arange(9).std(), rel=1e-5)


@pytest.mark.parametrize(
    ("value", "tail", "is_bound", "note"),
    [
        (0.9, "greater", True, "All 4 null draws are less extreme: p = 0.2 is the least possible"),
        (0.5, "greater", False, None),
        (0.1, "greater", False, "All 4 null draws are above the value"),
        (0.1, "less", True, "All 4 null draws are less extreme"),
        (0.9, "less", False, "All 4 null draws are below the value"),
    ],
)
def test_what_a_reader_must_know(
    graph: NetGraph, value: float, tail: str, is_bound: bool, note: str | None
) -> None:
    draws = [0.2, 0.4, 0.6, 0.8]
    found = significance(given([value, *draws]), graph, null=lottery, n=4, rng=0, tail=tail)
    assert found.delta == pytest.approx(value - 0.5)
    assert found.is_bound == is_bound
    assert not found.is_degenerate
    assert len(found.notes) == (note is not None)
    assert all(each.startswith(note or "") for each in found.notes)
    assert found.summary()["is_bound"] == is_bound
    assert found.summary()["delta"] == found.delta


def test_rounding_makes_no_difference_extreme(graph: NetGraph) -> None:
    up, down = np.nextafter(0.3, 1), np.nextafter(0.3, 0)
    for tail in ("greater", "less"):
        found = significance(
            given([0.3, up, down, 0.3]), graph, null=lottery, n=3, rng=0, tail=tail
        )
        assert found.p == 1


def test_draw_i_depends_on_seed_and_i_alone(graph: NetGraph) -> None:
    few, many, other = (
        significance(first_weight, graph, null=lottery, n=n, rng=rng).draws
        for n, rng in ((5, 3), (9, 3), (5, 4))
    )
    assert few.tobytes() == many[:5].tobytes()
    assert (few != other).all()
    assert np.unique(many).size == 9
    expected = first_weight(lottery(graph, rng=stream(3, "null", 4)))
    assert many[4] == expected
    generators = [
        significance(first_weight, graph, null=lottery, n=5, rng=np.random.default_rng(8)).draws
        for _ in range(2)
    ]
    assert generators[0].tobytes() == generators[1].tobytes()


def test_progress(graph: NetGraph) -> None:
    seen: list[tuple[int, int]] = []
    significance(first_weight, graph, null=lottery, n=3, progress=lambda *step: seen.append(step))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_what_is_refused(graph: NetGraph) -> None:
    with pytest.raises(GraphError, match="n is 0"):
        significance(first_weight, graph, null=lottery, n=0)
    with pytest.raises(GraphError, match="'both'"):
        significance(first_weight, graph, null=lottery, tail="both")
    with pytest.raises(GraphError, match="statistic of the network is nan"):
        significance(given([np.nan]), graph, null=lottery)
    with pytest.raises(GraphError, match="statistic of null network 1 is inf"):
        significance(given([0.0, 0.0, np.inf]), graph, null=lottery)


def least_ncut(graph: NetGraph) -> float:
    return ncut(graph, spectral(graph, rng=0, k=2))


def most_modular(graph: NetGraph) -> float:
    return quality(graph, layered(graph, rng=0))


def p_values(
    width: int, p_in: float, p_out: float, sigma: float, n_networks: int
) -> NDArray[np.float64]:
    p = []
    for seed in range(1000, 1000 + n_networks):
        graph, _ = planted([width] * 3, 2, p_in, p_out, degree_heterogeneity=sigma, rng=seed)
        p.append(significance(most_modular, graph.pattern, null=rewire, n=19, rng=seed).p)
    return np.array(p)


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [0.0, 0.75])
def test_no_modules_are_rarely_significant(sigma: float) -> None:
    p = p_values(8, 0.3, 0.3, sigma, 30)
    n_rejected = int((p <= 0.05).sum())
    assert binomtest(n_rejected, 30, 0.05, alternative="greater").pvalue > 1e-3
    assert 0.35 < np.mean(p) < 0.7  # uniform on 1/20 … 1: .525 ± .053


@pytest.mark.parametrize("sigma", [0.0, 0.75])
def test_planted_modules_are_nearly_always_significant(sigma: float) -> None:
    p = p_values(12, 0.7, 0.05, sigma, 8)
    assert np.mean(p <= 0.05) >= 0.9


def test_ncut_of_planted_modules() -> None:
    graph, _ = planted([16] * 3, 2, 0.6, 0.05, rng=0)
    found = significance(least_ncut, graph.pattern, null=shuffle_layer, n=19, rng=0, tail="less")
    assert found.p == 0.05
    assert found.z < -2


def test_balanced_weights_of_a_matching_are_chance() -> None:
    """One edge a unit: all patterns are alike, and balanced weights are 1 but for rounding."""
    blocks = [np.diag(row) for row in np.random.default_rng(0).lognormal(0, 3, (3, 6))]
    graph = from_matrices(blocks)
    found = significance(most_modular, graph.balanced, null=rebalanced(rewire), n=9, rng=0)
    assert (found.p, found.value) == (1, pytest.approx(5 / 6))
    assert found.is_degenerate
    assert found.notes


def test_balanced_weights_with_their_null() -> None:
    """Strengths that differ: |weights| against `rewire` see nothing, balanced weights do."""
    graph, _ = planted([14] * 3, 2, 0.7, 0.05, rng=0)
    scale = np.random.default_rng(0).lognormal(0, 1.5, graph.n_units)
    noise = np.random.default_rng(1).lognormal(0, 0.5, graph.n_edges)
    graph = graph.with_weights(noise * scale[graph.sources] * scale[graph.weights.indices])
    blind = significance(most_modular, graph.magnitude, null=rewire, n=19, rng=0)
    seeing = significance(most_modular, graph.balanced, null=rebalanced(rewire), n=19, rng=0)
    assert blind.z < 2 < 5 < seeing.z
    assert seeing.p == 0.05


def test_shuffled_weights_do_not_see_the_mask() -> None:
    graph, _ = planted([16] * 3, 2, 0.6, 0.05, rng=0)
    blind = significance(most_modular, graph.pattern, null=shuffle_weights, n=9, rng=0)
    assert (blind.p, blind.sd) == (1, 0)
    assert blind.is_degenerate


def test_draws_do_not_depend_on_the_processes() -> None:
    graph, truth = planted([8] * 3, 2, 0.6, 0.1, rng=0)

    def statistic(drawn: NetGraph) -> float:
        return quality(drawn, truth)

    alone, shared = (
        significance(statistic, graph, null=rewire, n=6, rng=1, jobs=jobs) for jobs in (1, 2)
    )
    assert alone.draws.tobytes() == shared.draws.tobytes()
