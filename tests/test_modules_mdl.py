"""Description lengths and evidence: sums over all labels, by enumeration; planted truths."""

from __future__ import annotations

from itertools import pairwise, product
from math import comb, factorial, log

import numpy as np
import pytest
from graphs import relabelled
from modularity import mixed
from numpy.typing import NDArray
from scipy.special import logsumexp

from netsculpt import GraphError, NetGraph, Partition, from_matrices, planted
from netsculpt.graph.graph import live_units
from netsculpt.modules import compare, gain, layered, mdl, module_evidence
from netsculpt.modules.detectors._mdl import searching
from netsculpt.modules.detectors._mdl.annealing import annealed, sampler_of, tallied
from netsculpt.modules.detectors._mdl.climbing import Form, certain, climb
from netsculpt.modules.detectors._mdl.degrees import degree_gain
from netsculpt.modules.detectors._mdl.fitting import balanced_odds
from netsculpt.modules.detectors._mdl.network import Network, network_of
from netsculpt.modules.detectors.mdl import _proposals as proposals
from netsculpt.nulls import rewire


def tiny() -> tuple[NetGraph, Network]:
    """Nine units, all live, none of them connected to all others of a layer."""
    for draw in range(100):
        graph, _ = planted([3, 3, 3], 2, 0.7, 0.3, rng=draw)
        network = network_of(graph, live_units(graph))
        if live_units(graph).all() and network.chance.max() < 0.95:
            return graph, network
    raise AssertionError("no such network")


def gain_by_definition(graph: NetGraph, labels: NDArray[np.integer]) -> float:
    """Edge by edge and unit by unit."""
    live = live_units(graph)
    modules = sorted(set(labels[live].tolist()))
    value = 0.0
    for block in graph.blocks:
        here, there = graph.layer(block.source), graph.layer(block.target)
        ends = [
            (int(labels[i]), int(labels[j]))
            for i, j, w in zip(
                graph.sources, graph.weights.indices, graph.weights.data, strict=True
            )
            if here.start <= i < here.stop and there.start <= j < there.stop
            if w != 0 and live[i] and live[j]
        ]
        n = len(ends)
        if n == 0:
            continue
        inside = sum(a == b for a, b in ends)
        chance = sum(sum(a == c for a, _ in ends) * sum(b == c for _, b in ends) for c in modules)
        if chance in (0, n * n):
            continue
        q, p = chance / n**2, inside / n
        value += inside * log(p / q) if inside else 0.0
        value += (n - inside) * log((1 - p) / (1 - q)) if inside < n else 0.0
        value -= 0.5 * log(n)
    for layer in graph.layers:
        own = [int(labels[i]) for i in range(layer.start, layer.stop) if live[i]]
        ways = factorial(len(own))
        for c in modules:
            ways //= factorial(own.count(c))
        value -= log(ways) + log(comb(len(own) + len(modules) - 1, len(modules) - 1))
    return value


@pytest.mark.parametrize("seed", range(4))
def test_gain_is_its_definition(seed: int) -> None:
    graph = mixed(seed)
    assert not live_units(graph).all(), "the example must have dead units"
    assert (graph.weights.data == 0).any()
    for k in (2, 3, 7):
        labels = np.random.default_rng(k).integers(k, size=graph.n_units)
        expected = gain_by_definition(graph, labels)
        assert gain(graph, Partition(labels)) == pytest.approx(expected, abs=1e-9)


def test_gain_of_two_perfect_modules_by_hand() -> None:
    two = np.kron(np.eye(2), np.ones((2, 2)))
    graph = from_matrices([two, two])
    # Per block: 8 edges, p = 1, q = ½: 8 ln 2 − ½ ln 8. Per layer: ln 6 for which, ln 5 for sizes.
    expected = 2 * (8 * log(2) - 0.5 * log(8)) - 3 * (log(6) + log(5))
    truth = Partition([0, 0, 1, 1] * 3)
    assert gain(graph, truth) == pytest.approx(expected, abs=1e-12)


def test_gain_of_one_module_is_zero_and_names_do_not_matter() -> None:
    graph = mixed()
    assert gain(graph, Partition(np.zeros(graph.n_units, dtype=int))) == 0.0
    labels = np.random.default_rng(0).integers(4, size=graph.n_units)
    value = gain(graph, Partition(labels))
    assert gain(graph, Partition(3 - labels)) == pytest.approx(value, abs=1e-9)
    other, old = relabelled(graph, np.random.default_rng(1))
    assert gain(other, Partition(labels[old])) == pytest.approx(value, abs=1e-9)


def test_gain_ignores_dead_units_and_needs_a_module_for_live_ones() -> None:
    graph = mixed()
    live = live_units(graph)
    labels = np.random.default_rng(0).integers(3, size=graph.n_units)
    value = gain(graph, Partition(labels))
    assert gain(graph, Partition(np.where(live, labels, 9))) == pytest.approx(value, abs=1e-9)
    labels[np.flatnonzero(live)[0]] = -1
    with pytest.raises(GraphError, match="has no module"):
        gain(graph, Partition(labels))


def test_chances_have_the_degrees_as_sums() -> None:
    graph, _ = planted([30, 40, 25], 1, 0.6, 0.6, degree_heterogeneity=1.5, rng=0)
    graph = graph.live()
    network = network_of(graph, live_units(graph))
    for block, (here, there) in enumerate(((0, 1), (1, 2))):
        pattern = graph.block(graph.layers[here].name, graph.layers[there].name).toarray() > 0
        chance = network.chance[block]
        assert chance.min() >= 0
        assert chance.max() <= 1
        members = network.members[:, block]
        for side, degree in ((0, pattern.sum(1)), (1, pattern.sum(0))):
            expected = (chance if side == 0 else chance.T) @ members[1 - side]
            sizes = members[side].astype(int)
            mean = np.array_split(np.sort(degree[degree > 0]), np.cumsum(sizes)[:-1])
            mean = [group.mean() if group.size else 0.0 for group in mean]
            np.testing.assert_allclose(expected, mean[: expected.size], rtol=1e-5)


def likelihoods(network: Network, n_modules: int, ratio: float) -> dict[tuple[int, ...], float]:
    """Log-likelihood ratio of all labels, pair of units by pair of units."""
    odds = balanced_odds(network, ratio, 1 / n_modules)
    n = network.layer.size
    pairs = []
    for i in range(n):
        targets = network.ends_out[network.first_out[i] : network.first_out[i + 1]].tolist()
        for j in range(n):
            for block in range(network.n_edges.size):
                group = [-1, -1]
                for side, unit in enumerate((i, j)):
                    for slot in range(network.first[unit], network.first[unit + 1]):
                        if network.block[slot] == block and network.side[slot] == side:
                            group[side] = network.group[slot]
                if min(group) >= 0:
                    chance = network.chance[block, group[0], group[1]]
                    pairs.append((i, j, j in targets, chance, block))
    values = {}
    for labels in product(range(n_modules), repeat=n):
        total = 0.0
        for i, j, is_edge, chance, block in pairs:
            power = (odds.inside if labels[i] == labels[j] else odds.outside)[block]
            p = chance * np.exp(power) / (1 - chance + chance * np.exp(power))
            total += np.log(p / chance) if is_edge else np.log1p(-p) - np.log1p(-chance)
        values[labels] = total
    return values


def test_annealing_estimates_the_sum_over_all_labels() -> None:
    _, network = tiny()
    values = likelihoods(network, 2, 1.2)
    exact = logsumexp(list(values.values())) - 9 * log(2)
    odds, state = balanced_odds(network, 1.2, 0.5), np.array([5], dtype=np.uint64)
    weights = []
    for _ in range(2000):
        sampler = sampler_of(network, odds, 1.2, 2, state)
        weights.append(annealed(network, sampler, 4))
    estimate = np.exp(np.array(weights) - exact)
    assert estimate.std() > 0.05, "an exact answer would test nothing"
    assert abs(estimate.mean() - 1) < 4 * estimate.std() / np.sqrt(2000)
    # And Gibbs sweeps draw from the posterior: units 0 and 4 together as often as they should be.
    together = logsumexp([v for c, v in values.items() if c[0] == c[4]]) - 9 * log(2) - exact
    sampler = sampler_of(network, odds, 1.2, 2, state)
    annealed(network, sampler, 50)
    hits = 0.0
    for _ in range(4000):
        shares = tallied(network, sampler, 1)
        hits += float(shares[0] @ shares[4])
    assert hits / 4000 == pytest.approx(np.exp(together), abs=0.05)


def test_degrees_are_as_likely_as_a_sum_over_all_edge_sets_says() -> None:
    graph, network = tiny()
    odds = balanced_odds(network, 1.2, 0.5)
    for labels in ([0, 0, 1] * 3, [0, 1, 1, 1, 0, 0, 0, 1, 0]):
        expected = 0.0
        for block, (here, there) in enumerate(((0, 1), (1, 2))):
            pattern = graph.block(graph.layers[here].name, graph.layers[there].name).toarray() > 0
            own, other = (np.array(labels)[graph.layers[x].units] for x in (here, there))
            power = np.where(own[:, None] == other, odds.inside[block], odds.outside[block])
            group = [
                np.unique(degree, return_inverse=True)[1]
                for degree in (pattern.sum(1), pattern.sum(0))
            ]
            chance = network.chance[block][np.ix_(*group)]
            likelier = chance * np.exp(power) / (1 - chance + chance * np.exp(power))
            for p, sign in ((chance, -1), (likelier, 1)):
                for table, edges in ((p, pattern), (p.T, pattern.T)):
                    for row, present in zip(table, edges, strict=True):
                        expected += sign * log(_chance_of_sum(row, int(present.sum())))
        value = degree_gain(network, np.array(labels), np.eye(2), odds)
        assert abs(expected) > 0.1
        assert value == pytest.approx(expected, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sizes", "inside", "between"), [((40, 30), 0.2, 0.1), ((9, 70), 0.9, 0.5)]
)
def test_degrees_of_larger_networks_are_convolved_edge_by_edge(
    sizes: tuple[int, int], inside: float, between: float
) -> None:
    """A normal distribution takes over where the variance of a degree exceeds 12."""
    graph, truth = planted(sizes, 3, inside, between, rng=1)
    live = live_units(graph)
    network, labels = network_of(graph, live), truth.labels[live]
    odds = balanced_odds(network, 3.0, 1 / 3)
    first, last = network.layer == 0, network.layer == 1
    group = network.group[network.first[:-1]]
    pattern = graph.weights[live][:, live][first][:, last].toarray() > 0
    chance = network.chance[0][np.ix_(group[first], group[last])]
    power = np.where(labels[first][:, None] == labels[last], odds.inside[0], odds.outside[0])
    likelier = chance * np.exp(power) / (1 - chance + chance * np.exp(power))
    expected, n_normal = 0.0, 0
    for table, without, edges in (
        (likelier, chance, pattern),
        (likelier.T, chance.T, pattern.T),
    ):
        for p, q, present in zip(table, without, edges, strict=True):
            normal = float((q * (1 - q)).sum()) > 12
            n_normal += normal
            for sign, x in ((1, p), (-1, q)):
                expected += sign * _ln_of_sum(x, int(present.sum()), normal)
    assert bool(n_normal) == (70 in sizes)
    value = degree_gain(network, labels, np.eye(3), odds)
    assert abs(expected) > 0.1
    assert value == pytest.approx(expected, abs=1e-9)


def _ln_of_sum(p: NDArray[np.float64], k: int, normal: bool) -> float:
    if normal:
        variance = max(float((p * (1 - p)).sum()), 1.0)
        return -0.5 * (log(2 * np.pi * variance) + (k - p.sum()) ** 2 / variance)
    spread = np.ones(1)
    for x in p:
        spread = np.convolve(spread, [1 - x, x])
    return log(spread[k])


def _chance_of_sum(p: NDArray[np.float64], k: int) -> float:
    """Probability that k of these edges are present."""
    subsets = product((0, 1), repeat=p.size)
    return sum(float(np.where(x, p, 1 - p).prod()) for x in subsets if sum(x) == k)


def test_degrees_that_are_nearly_certain_are_no_evidence() -> None:
    """Hidden units with one edge in and one out: modules would make these degrees certain."""
    rng = np.random.default_rng(0)
    for _ in range(10):
        first, last = np.eye(3)[rng.integers(3, size=20)], np.eye(2)[rng.integers(2, size=20)]
        graph = from_matrices([first, last.T])
        assert not module_evidence(graph, rng=0).accepted


@pytest.mark.parametrize("form", [Form(x, y) for x in (True, False) for y in (True, False)])
def test_climbing_raises_a_lower_bound(form: Form) -> None:
    graph, truth = planted([12] * 4, 3, 0.6, 0.1, rng=2)
    live = live_units(graph)
    network = network_of(graph, live)
    rng = np.random.default_rng(0)
    for labels in (truth.labels[live], rng.integers(3, size=int(live.sum()))):
        values = [
            climb(network, certain(labels), form, most_sweeps=n).evidence for n in range(0, 20, 2)
        ]
        # A layer's shares enter a step without the unit itself: exact for certain labels only.
        assert (np.diff(values) > (-1e-3 if form.by_layer else -1e-6)).all()
    start = climb(network, certain(truth.labels[live]), form, most_sweeps=0)
    if form == Form(by_layer=True, shared=False):
        edges = start.odds.explained - start.odds.price
        own = gain(graph, Partition(np.where(live, truth.labels, -1)))
        labels_alone = start.evidence - edges
        assert labels_alone == pytest.approx(_label_gain(graph, truth), abs=1e-6)
        assert start.evidence > own, "pairs of units without an edge are evidence too"


def _label_gain(graph: NetGraph, truth: Partition) -> float:
    """What labels cost in `gain`, from a network of the same layers in which edges save nothing."""
    whole = gain(graph, truth)
    live = live_units(graph)
    saved = 0.0
    for block in graph.blocks:
        edges = graph.block_edges(block.source, block.target)
        i, j = graph.sources[edges], graph.weights.indices[edges]
        kept = live[i] & live[j]
        a, b = truth.labels[i[kept]], truth.labels[j[kept]]
        q = float(np.bincount(a, minlength=3) @ np.bincount(b, minlength=3)) / a.size**2
        p = float((a == b).mean())
        divergence = p * log(p / q) + (1 - p) * log((1 - p) / (1 - q))
        saved += a.size * divergence - 0.5 * log(a.size)
    return whole - saved


def test_the_bound_is_below_the_sum_over_all_labels() -> None:
    _, network = tiny()
    form = Form(by_layer=False, shared=True)
    for labels in ([0, 0, 1] * 3, [0, 1, 1] * 3):
        beliefs = climb(network, certain(np.array(labels)), form)
        if beliefs.shares.shape[1] == 1:
            continue
        odds = beliefs.odds
        n, total = 9, []
        for c in product(range(2), repeat=n):
            one = climb(network, np.eye(2)[list(c)], form, most_sweeps=0)
            fixed = _explained_at(network, np.eye(2)[list(c)], odds)
            assert fixed <= one.odds.explained + 1e-6 or one.shares.shape[1] == 1
            total.append(fixed)
        exact = float(logsumexp(total)) - n * log(2)
        assert beliefs.evidence + odds.price <= exact + 1e-6


def _explained_at(network: Network, shares: NDArray[np.float64], odds: object) -> float:
    """Log-likelihood ratio of labels without doubt at given odds."""
    from netsculpt.modules.detectors._mdl.beliefs import counted, edges_inside

    inside = edges_inside(network, shares, np.eye(2), True)
    counts = counted(network, shares)
    value = 0.0
    for block in range(network.n_edges.size):
        high, low = odds.inside[block], odds.outside[block]  # type: ignore[attr-defined]
        chance = network.chance[block]
        pairs = counts[0, block] @ counts[1, block].T
        others = np.outer(network.members[0, block], network.members[1, block]) - pairs
        value += inside[block] * high + (network.n_edges[block] - inside[block]) * low
        value -= (pairs * np.log1p(chance * np.expm1(high))).sum()
        value -= (others * np.log1p(chance * np.expm1(low))).sum()
    return float(value)


@pytest.mark.parametrize(
    ("widths", "k", "p_in", "p_out", "heterogeneity", "skips"),
    [
        ([30] * 4, 3, 0.5, 0.05, 0.0, 0.0),
        ([30] * 4, 3, 0.5, 0.05, 0.8, 0.0),
        ([24] * 5, 3, 0.4, 0.05, 0.0, 0.4),
        ([60, 40], 3, 0.5, 0.05, 0.0, 0.0),
        ([12] * 20, 2, 0.6, 0.1, 0.0, 0.0),
    ],
)
def test_planted_modules_are_counted(
    widths: list[int], k: int, p_in: float, p_out: float, heterogeneity: float, skips: float
) -> None:
    graph, truth = planted(widths, k, p_in, p_out, heterogeneity, skips, rng=0)
    result = module_evidence(graph, rng=0)
    assert result.accepted
    assert result.partition.n_modules == k
    assert compare(result.partition, truth).ari > 0.85
    assert (result.feeds == np.eye(k, dtype=bool)).all()
    live = live_units(graph)
    np.testing.assert_allclose(result.memberships.sum(axis=1), live, atol=1e-9)
    assert (result.memberships.argmax(axis=1)[live] == result.partition.labels[live]).all()
    assert result.path.max() == pytest.approx(result.evidence)
    assert dict(zip(result.n_modules.tolist(), result.path.tolist(), strict=True))[1] == 0.0


@pytest.mark.parametrize("heterogeneity", [0.0, 1.0])
def test_networks_without_modules_are_one_module(heterogeneity: float) -> None:
    for seed in range(2):
        graph, _ = planted([24] * 4, 3, 0.6, 0.05, heterogeneity, rng=seed)
        assert module_evidence(graph, rng=0).accepted
        shuffled = rewire(graph, rng=seed)
        assert layered(shuffled.pattern, rng=0).n_modules > 1, "which `layered` does not say"
        result = module_evidence(shuffled, rng=0)
        assert not result.accepted
        assert result.evidence < log(100)
        assert result.partition.n_modules == 1
        assert result.partition.quality == 0.0


@pytest.mark.parametrize(("widths", "p"), [([100, 100, 100], 0.5), ([200, 100, 40, 10], 0.3)])
def test_dense_networks_without_modules_are_one_module(widths: list[int], p: float) -> None:
    # Runs that end with all units in one module make the number of edges a surprise, at both ends.
    graph, _ = planted(widths, 1, p, p, rng=0)
    found = module_evidence(graph, rng=0)
    assert not found.accepted
    assert found.evidence < 0


def test_dense_modules_are_found() -> None:
    graph, truth = planted([100, 100, 100], 4, 0.75, 0.42, rng=0)
    found = module_evidence(graph, rng=0)
    assert found.accepted
    assert compare(found.partition, truth).ami > 0.9


def test_degrees_that_become_unlikely_give_nothing_back() -> None:
    graph, network = tiny()
    together = np.zeros(graph.n_units, dtype=np.int64)
    assert degree_gain(network, together, np.eye(1), balanced_odds(network, 2.0, 0.3)) == 0


@pytest.mark.slow
def test_weak_modules_are_found_by_sampling_where_a_code_does_not_pay() -> None:
    graph, truth = planted([24] * 4, 3, 0.4, 0.1, rng=1)
    result = module_evidence(graph, rng=0)
    assert result.accepted
    assert gain(graph, truth) < 0
    assert compare(result.partition, truth).ari > 0.3


def test_weights_do_not_enter_but_edges_of_weight_0_are_none() -> None:
    graph, _ = planted([16] * 4, 2, 0.6, 0.1, rng=0)
    rng = np.random.default_rng(0)
    scaled = graph.with_weights(rng.lognormal(size=graph.n_edges) * rng.choice([-1, 1]))
    assert mdl(scaled, rng=0).labels.tobytes() == mdl(graph, rng=0).labels.tobytes()
    assert module_evidence(scaled, rng=0).evidence == module_evidence(graph, rng=0).evidence
    none = graph.with_weights(np.zeros(graph.n_edges))
    assert mdl(none, rng=0).n_modules == 1


def test_modules_that_feed_modules() -> None:
    """Four modules, of which two feed one that follows and two the other."""
    follows = {0: 4, 1: 4, 2: 5, 3: 5}
    layers = [[0, 1, 2, 3]] * 3 + [[4, 5]] * 3
    rng, matrices = np.random.default_rng(0), []
    for here, there in pairwise(layers):
        likely = np.array([[a == b or follows.get(a) == b for a in here] for b in there])
        p = np.kron(np.where(likely, 0.5, 0.04), np.ones((15, 15)))
        matrices.append((rng.random(p.shape) < p).astype(float))
    graph = from_matrices(matrices)
    truth = Partition(np.repeat(np.concatenate(layers), 15))
    result = module_evidence(graph, rng=0)
    assert compare(layered(graph.pattern, rng=0), truth).ari < 0.8, "Q cannot see it"
    # Which modules a layer between belongs to may be open, but not how it is divided ...
    here = [
        {c: set(result.partition.labels[layer.units][truth.labels[layer.units] == c].tolist())
         for c in modules}
        for layer, modules in zip(graph.layers, layers, strict=True)
    ]  # fmt: skip
    for names in here:
        assert all(len(labels) == 1 for labels in names.values()), "one module each"
        assert len(set.union(*names.values())) == len(names), "and none shared"
    # ... nor which part feeds which.
    for first, then in pairwise(here):
        for (a, one), (b, other) in product(first.items(), then.items()):
            fed = bool(result.feeds[one.copy().pop(), other.copy().pop()])
            assert fed == (a == b or follows.get(a) == b), (a, b)


@pytest.mark.slow
def test_near_the_limit_seeds_agree() -> None:
    """Evidence of 5 to 7 nats, which single runs put on either side of 4.6."""
    graph, _ = planted([24] * 4, 3, 0.4, 0.12, rng=6)
    several = [module_evidence(graph, rng=seed) for seed in range(3)]
    assert all(one.accepted for one in several)
    assert max(one.evidence for one in several) < 8, "else it is no hard case"


def test_runs_are_averaged_where_the_first_leave_it_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """The evidence is ln of the mean of all weights, and early stops only reject."""
    seen: list[float] = []
    weights: list[float] = []

    def run(network: Network, n_modules: int, ratio: float, steps: int, state: object) -> object:
        seen.append(weights[len(seen) % len(weights)])
        return seen[-1], None

    monkeypatch.setattr(searching, "_run", run)
    _, network = tiny()
    for given, runs, evidence in (
        ([-1.0], 1, -1.0),
        ([-100.0] * 15 + [log(16) - 0.1], 1, -0.1),
        ([0.0], 8, 0.0),
        ([-100.0] * 15 + [log(16) + 1.0] + [-100.0] * 112, 8, 1 - log(8)),
    ):
        seen.clear()
        weights[:] = given
        found = searching._sampled(network, np.random.default_rng(0))
        assert len(seen) == 16 * runs
        assert found.evidence == pytest.approx(evidence, abs=1e-9)
        each = np.array(list(found.path.values()))
        assert logsumexp(each) == pytest.approx(evidence, abs=1e-9)


@pytest.mark.slow
def test_several_starts_keep_the_best_description() -> None:
    graph, _ = planted([60] * 4, 4, 0.2, 0.04, rng=1)
    live = live_units(graph)
    network = network_of(graph, live)
    values = []
    for start in range(3):
        labels = list(proposals(graph, live, 0, start))
        values.append(searching._best(searching._climbed(network, labels))[0])
    assert len({round(value, 6) for value in values}) > 1, "the starts must differ"
    result = module_evidence(graph, rng=0)
    assert result.evidence >= max(values) - 1e-9
    assert result.path.max() == result.evidence


def test_bits_are_nats_by_edge() -> None:
    graph, _ = planted([16] * 3, 2, 0.6, 0.1, rng=0)
    dead = graph.with_weights(np.where(np.arange(graph.n_edges) < 9, 0.0, 1.0))
    for one in (graph, dead):
        result, live = module_evidence(one, rng=0), live_units(one)
        ends = live[one.sources] & live[one.weights.indices] & (one.weights.data != 0)
        assert result.n_edges == ends.sum()
        assert result.bits_per_edge == pytest.approx(result.evidence / log(2) / ends.sum())
        summary = result.summary()
        assert summary["bits_per_edge"] == result.bits_per_edge
        assert summary["needed"] == log(100)


def test_small_and_odd_networks() -> None:
    for matrices in (
        [np.ones((1, 1))],
        [np.ones((3, 2))],
        [np.zeros((3, 2)), np.zeros((2, 3))],
        [np.eye(2), np.eye(2)],
    ):
        graph = from_matrices(matrices)
        result = module_evidence(graph, rng=0)
        assert result.partition.n_modules <= 2
        assert (result.partition.labels >= 0).tolist() == live_units(graph).tolist()
        assert 0 <= result.probability <= 1
        assert result.summary()["n_modules"] == result.partition.n_modules
        assert result.table().columns.tolist() == ["n_modules", "evidence"]


def test_deep_networks() -> None:
    graph, truth = planted([4] * 60, 2, 0.95, 0.1, rng=0)
    result = module_evidence(graph, rng=0)
    assert result.partition.n_modules == 2
    assert compare(result.partition, truth).ari > 0.9
