"""The compiled engine optimises layer-aware modularity, and keeps what it promises."""

from __future__ import annotations

import numpy as np
import pytest
from modularity import best_move, mixed, n_disconnected

from netsculpt import GraphError, NetGraph, Partition, from_matrices, planted
from netsculpt.core.parallel import in_threads
from netsculpt.graph.graph import Block, Layer, live_units
from netsculpt.modules import compare, consensus, layer_ami, leiden, quality
from netsculpt.modules.detectors._layered import searching, settling
from netsculpt.modules.detectors._layered.aggregating import aggregated
from netsculpt.modules.detectors._layered.dense import (
    Dense,
    dense_aggregated,
    dense_move,
    dense_refined,
    dense_value,
    modularity_matrix,
)
from netsculpt.modules.detectors._layered.deriving import common, loosen
from netsculpt.modules.detectors._layered.iterating import Limits, optimise, optimise_connected
from netsculpt.modules.detectors._layered.moving import Level, draw_below, move, shuffled, value_of
from netsculpt.modules.detectors._layered.refining import connected_parts, refined
from netsculpt.modules.detectors._layered.searching import Effort, _scattered, best_of
from netsculpt.modules.detectors._layered.settling import _grow, _merge
from netsculpt.modules.detectors._layered.splitting import split
from netsculpt.modules.detectors._layered.units import live_level
from netsculpt.modules.detectors.layered import layered

# Widths, k, p_in, p_out, σ, skips: weak to strong, tapered, deep, heterogeneous, skipping.
NETWORKS = [
    ([20] * 4, 4, 0.4, 0.03, 0.0, 0.0),
    ([48, 24, 16, 12], 4, 0.35, 0.05, 0.0, 0.0),
    ([12] * 8, 3, 0.4, 0.08, 0.0, 0.0),
    ([28] * 4, 4, 0.35, 0.05, 0.6, 0.0),
    ([16] * 5, 3, 0.3, 0.12, 0.5, 0.4),
    ([16] * 4, 2, 0.2, 0.2, 0.0, 0.3),
]


@pytest.mark.parametrize(("widths", "k", "p_in", "p_out", "sigma", "skips"), NETWORKS)
def test_no_worse_than_leidenalg(
    widths: list[int], k: int, p_in: float, p_out: float, sigma: float, skips: float
) -> None:
    for seed in range(2):
        graph, _ = planted(widths, k, p_in, p_out, sigma, skips, rng=seed)
        weights = np.random.default_rng(seed).standard_normal(graph.n_edges)
        for form in (graph.pattern, graph.with_weights(weights)):
            runs = [layered(form, rng=at) for at in range(2)]
            best = max(quality(form, leiden(form, rng=at)) for at in range(2))
            assert max(quality(form, found) for found in runs) >= best - 1e-3
            for found in runs:
                assert found.quality == quality(form, found)
                assert n_disconnected(form, found) == 0


def test_planted_modules_are_found_at_scale() -> None:
    graph, truth = planted([240] * 6, 6, 0.4, 0.02, skips=0.05, rng=0)
    found = layered(graph.pattern, rng=0)
    assert compare(found, truth).ari == 1
    assert layer_ami(graph, found) < 0.01


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_every_step_accounts_for_the_quality(gamma: float) -> None:
    """What a sweep says it gained is the change of Q; sets as nodes have the Q of their units."""
    graph = mixed()
    live = live_units(graph)
    level, total = live_level(graph, live)
    rng = np.random.default_rng(0)
    state = np.array([3], np.uint64)
    magnitude = np.abs(graph.weights.data)[live[graph.sources] & live[graph.weights.indices]]
    assert total == pytest.approx(magnitude.sum() / magnitude.max())

    def q(labels: np.ndarray) -> float:
        full = np.full(graph.n_units, -1)
        full[live] = labels
        return quality(graph, Partition(full), gamma)

    for most in (1, 7, 50, 10_000):
        labels = rng.integers(6, size=live.sum()).astype(np.int32)
        assert value_of(level, gamma, labels) == pytest.approx(2 * total * q(labels), abs=1e-9)
        before = q(labels)
        waits = rng.random(labels.size) < 0.9
        gained, n_modules, n_visits = move(level, gamma, 1e-12, most, labels, waits, state)
        assert 0 < n_visits <= most
        assert labels.max() + 1 == n_modules
        assert q(labels) - before == pytest.approx(gained / total, abs=1e-12)
        assert gained > 0
        parts, n_parts = refined(level, gamma, labels, state)
        assert parts.max() + 1 == n_parts
        for part in range(n_parts):
            assert np.unique(labels[parts == part]).size == 1, "parts lie inside modules"
        above = aggregated(level, parts, n_parts)
        coarse = rng.integers(4, size=n_parts).astype(np.int32)
        # Weight inside a part does not depend on the part's module, and is left out.
        alone = np.arange(n_parts, dtype=np.int32)
        inside = value_of(level, gamma, parts) - value_of(above, gamma, alone)
        assert value_of(above, gamma, coarse) + inside == pytest.approx(
            value_of(level, gamma, coarse[parts]), abs=1e-9
        )


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_the_modularity_matrix_gives_the_same_quality(gamma: float) -> None:
    """Of units, of units held together, and of sets of them; its steps account for it."""
    graph = mixed()
    rng = np.random.default_rng(0)
    units, _ = live_level(graph, live_units(graph))
    held = rng.integers(30, size=units.alone.size).astype(np.int32)
    held = np.unique(held, return_inverse=True)[1].astype(np.int32)
    for level in (units, aggregated(units, held, int(held.max()) + 1)):
        dense, n = modularity_matrix(level, gamma), level.alone.size
        assert isinstance(dense, Dense)
        assert dense.excess == pytest.approx(dense.excess.T, abs=1e-14)
        for node in range(n):
            near = dense.partners[dense.indptr[node] : dense.indptr[node + 1]]
            assert near.tolist() == np.flatnonzero(dense.excess[node] > 0).tolist()
        for most in (1, 7, 50, 10_000):
            labels = rng.integers(6, size=n).astype(np.int32)
            before = value_of(level, gamma, labels)
            assert dense_value(dense, labels) == pytest.approx(before, abs=1e-9)
            waits, state = rng.random(n) < 0.9, np.array([most], np.uint64)
            gained, n_modules, n_visits = dense_move(dense, 1e-12, most, labels, waits, state)
            assert 0 < n_visits <= most
            assert labels.max() + 1 == n_modules
            after = value_of(level, gamma, labels)
            assert after - before == pytest.approx(2 * gained, abs=1e-9)
            parts, n_parts = dense_refined(dense, labels, n_modules, state)
            for part in range(n_parts):
                assert np.unique(labels[parts == part]).size == 1, "parts lie inside modules"
            above = dense_aggregated(dense, parts, n_parts)
            same = modularity_matrix(aggregated(level, parts, n_parts), gamma)
            assert above.excess == pytest.approx(same.excess, abs=1e-9)
        waits, state = np.ones(n, bool), np.array([1], np.uint64)
        dense_move(dense, 1e-12, 10_000, labels, waits, state)
        best = labels.copy()  # no move gains where dense_move ends, by the lists of edges
        while move(level, gamma, 1e-9, 10_000, best, np.ones(n, bool), state)[0] > 0:
            dense_move(dense, 1e-12, 10_000, best, np.ones(n, bool), state)
        assert dense_move(dense, 1e-9, 10_000, best, np.ones(n, bool), state)[0] == 0


def test_the_table_of_strengths_is_left_empty() -> None:
    """Whatever wrote to it; otherwise the next sweep would begin with wrong null terms."""
    graph, rng = mixed(), np.random.default_rng(0)
    level, _ = live_level(graph, live_units(graph))
    assert level.table.shape[0] == level.alone.size
    for seed in range(5):
        state = np.array([seed], np.uint64)
        labels = rng.integers(8, size=level.alone.size).astype(np.int32)
        for most in (20, 10_000):
            move(level, 1.0, 1e-12, most, labels, np.ones(labels.size, bool), state)
            assert not level.table.any()
        parts, n_parts = refined(level, 1.0, labels, state)
        assert not level.table.any()
        above = aggregated(level, parts, n_parts)
        move(
            above, 1.0, 1e-12, 99, np.arange(n_parts, dtype=np.int32), np.ones(n_parts, bool), state
        )
        assert not level.table.any()


def test_anchored_nodes_stay_on_the_modularity_matrix() -> None:
    graph = mixed(2).live()
    level, _ = live_level(graph, live_units(graph))
    level.anchored[[3, 4, 20]] = True
    dense, state = modularity_matrix(level, 1.0), np.array([0], np.uint64)
    labels = np.arange(graph.n_units, dtype=np.int32)
    dense_move(dense, 0.0, 9_999, labels, np.ones(labels.size, bool), state)
    assert np.unique(labels[[3, 4, 20]]).size == 3
    every = np.zeros(graph.n_units, np.int32)
    parts, n_parts = dense_refined(dense, every, 1, state)
    assert np.unique(parts[[3, 4, 20]]).size == 3
    assert dense_aggregated(dense, parts, n_parts).anchored.sum() == 3


@pytest.mark.parametrize("is_dense", [False, True])
def test_a_known_optimum_ends_a_run(is_dense: bool) -> None:
    graph, _ = planted([12] * 4, 3, 0.9, 0.05, rng=0)
    level, total = live_level(graph.pattern, live_units(graph))
    limits, n = Limits(1e-12 * total, 1e-9 * total, 30), level.alone.size
    dense = modularity_matrix(level, 1.0) if is_dense else None
    form = (None, dense) if is_dense else (level, None)
    labels = np.arange(n, dtype=np.int32)
    waits = np.ones(n, bool)

    def visits(known: np.ndarray) -> int:
        start, state = labels.copy(), np.array([0], np.uint64)
        n_visits = optimise(*form, 1.0, limits, start, waits, known, state)
        assert (start == best).all()
        assert waits.all()
        return int(n_visits)

    best = labels.copy()
    optimise(*form, 1.0, limits, best, waits, np.empty((0, n), np.int32), np.array([0], np.uint64))
    other = np.zeros(n, np.int32)
    assert visits(np.array([other, best])) < visits(np.array([other]))


def test_only_what_waits_moves_at_first() -> None:
    graph = from_matrices([np.eye(3)])
    level, _ = live_level(graph, live_units(graph))
    labels, waits = np.arange(6, dtype=np.int32), np.arange(6) == 1
    _, n_modules, n_visits = move(level, 1.0, 0.0, 99, labels, waits, np.array([0], np.uint64))
    assert (labels.tolist(), n_modules) == ([0, 1, 2, 3, 1, 4], 5)
    assert n_visits == 1, "its only neighbour is in the module that it joined"


def test_common_sets() -> None:
    one, other = (np.array(x, np.int32) for x in ([0, 0, 0, 1, 1, 2, 0], [1, 1, 0, 0, 0, 2, 1]))
    parts, n_parts = common(one, other)
    assert n_parts == 4
    sets = {tuple(np.flatnonzero(parts == part)) for part in range(parts.max() + 1)}
    assert sets == {(0, 1, 6), (2,), (3, 4), (5,)}


def test_scattered_nodes_are_in_a_few_modules_and_anchored_ones_apart() -> None:
    graph = mixed(2).live()
    level, _ = live_level(graph, live_units(graph))
    level.anchored[[3, 4, 20]] = True
    counts = set()
    for seed in range(40):
        labels = _scattered(level, np.random.default_rng(seed))
        assert np.unique(labels[level.anchored]).size == 3
        free = np.unique(labels[~level.anchored])
        assert not np.isin(free, labels[level.anchored]).any()
        counts.add(free.size)
    assert counts == set(range(2, 10))
    level = level._replace(anchored=np.ones(3, bool))
    assert sorted(_scattered(level, np.random.default_rng(0))) == [0, 1, 2]
    level.anchored[1] = False
    assert sorted(_scattered(level, np.random.default_rng(0))) == [0, 1, 2]


def test_an_optimum_that_no_run_from_single_units_finds() -> None:
    first = np.array([[0, 1, 1, 1], [1, 1, 0, 1], [1, 1, 1, 1]])
    second = np.array([[1, 0, 1], [1, 1, 1]])
    graph = from_matrices([first, second, np.kron(np.eye(2), np.ones((4, 1)))])
    level, total = live_level(graph, live_units(graph))
    alone = np.arange(level.alone.size, dtype=np.int32)

    def values(n_scattered: int) -> np.ndarray:
        effort = Effort(8, n_scattered, 80, 24, 0.0, 1e-9, 30, False)
        rngs = (np.random.default_rng(seed) for seed in range(10))
        found = [best_of(level, 1.0, total, effort, alone, rng) for rng in rngs]
        return np.array([value_of(level, 1.0, labels) for labels in found]) / (2 * total)

    best = values(4)
    assert best.max() == pytest.approx(0.2609, abs=1e-4)
    assert (best > 0.26).sum() > 5
    assert values(0).max() < 0.25


def test_loosened_modules_are_all_alone_and_wait() -> None:
    graph = mixed(2).live()
    level, _ = live_level(graph, live_units(graph))
    labels = (np.arange(graph.n_units) % 7).astype(np.int32)
    for seed in range(20):
        waits, new = np.ones(graph.n_units, bool), np.empty_like(labels)
        loosen(level.indptr, level.indices, labels, new, waits, np.array([seed], np.uint64))
        loose = np.unique(labels[waits])
        assert 1 <= loose.size <= 6
        assert (np.isin(labels, loose) == waits).all()
        assert np.unique(new[waits]).size == waits.sum()
        kept = compare(Partition(new[~waits]), Partition(labels[~waits]))
        assert kept.ari == 1
        assert not np.isin(new[waits], new[~waits]).any()
        assert sorted(np.unique(new)) == list(range(new.max() + 1))


def test_more_optima_are_better_where_modules_are_weak() -> None:
    graph, _ = planted([32] * 8, 4, 0.2, 0.08, rng=0)
    level, total = live_level(graph.pattern, live_units(graph))
    alone = np.arange(level.alone.size, dtype=np.int32)

    def q(n_begun: int, n_more: int, smooth: float = 0.0) -> float:
        effort = Effort(n_begun, 0, n_more, 99, smooth, 1e-9, 30, False)
        values = []
        for seed in range(3):
            rng = np.random.default_rng(seed)
            values.append(value_of(level, 1.0, best_of(level, 1.0, total, effort, alone, rng)))
        return float(np.mean(values)) / (2 * total)

    once = q(1, 0)
    assert q(4, 40, smooth=1e9) == once, "the first was good enough"
    assert once < q(1, 40)
    assert once < q(8, 0) < q(8, 80)


def refined_by_the_definition(
    level: Level, gamma: float, labels: np.ndarray, order: np.ndarray
) -> set:
    """Parts of modules, by sums over all pairs of nodes."""
    n = labels.size
    excess = np.zeros((n, n))
    for i in range(n):
        own = slice(level.first[i], level.first[i + 1])
        for slot, value in zip(level.slots[own], level.values[own], strict=True):
            there = np.flatnonzero(level.slots == level.partner[slot])
            nodes = np.searchsorted(level.first, there, side="right") - 1
            np.add.at(excess[i], nodes, -gamma * value * level.values[there])
    weight = np.zeros((n, n))
    for i in range(n):
        own = slice(level.indptr[i], level.indptr[i + 1])
        np.add.at(weight[i], level.indices[own], level.weights[own])
    excess += weight
    parts = [{i} for i in range(n)]
    at = {i: i for i in range(n)}

    def well_connected(part: set[int]) -> bool:
        rest = [j for j in np.flatnonzero(labels == labels[min(part)]) if j not in part]
        return excess[np.ix_(list(part), rest)].sum() >= -1e-12

    for i in map(int, order):
        if len(parts[at[i]]) > 1 or not well_connected({i}):
            continue
        mates = [j for j in np.flatnonzero(weight[i]) if labels[j] == labels[i]]
        near = {at[int(j)] for j in mates if well_connected(parts[at[int(j)]])}
        gain = {part: excess[i, list(parts[part])].sum() for part in near}
        if gain and max(gain.values()) > 0:
            best = max(gain, key=gain.__getitem__)
            parts[best] |= parts[at[i]]
            parts[at[i]] = set()
            at[i] = best
    return {frozenset(part) for part in parts if part}


@pytest.mark.parametrize("gamma", [1.0, 3.0])
def test_refined_parts_are_those_of_the_definition(gamma: float) -> None:
    rng = np.random.default_rng(0)
    for seed in range(12):
        graph, _ = planted([7, 8, 6, 5], 2, 0.6, 0.3, skips=0.2, rng=seed)
        graph = graph.with_weights(rng.random(graph.n_edges) + 0.05)
        level, _ = live_level(graph, live_units(graph))
        labels = rng.integers(3, size=level.alone.size).astype(np.int32)
        parts, n = refined(level, gamma, labels, np.array([seed], np.uint64))
        found = {frozenset(np.flatnonzero(parts == part).tolist()) for part in range(n)}
        order = shuffled(labels.size, np.array([seed], np.uint64))
        assert found == refined_by_the_definition(level, gamma, labels, order)
        state, orders = np.array([seed], np.uint64), []
        for module in range(3):  # the modularity matrix is refined module by module
            members = np.flatnonzero(labels == module)
            for last in range(members.size - 1, 0, -1):
                swap = [last, draw_below(last + 1, state)]
                members[swap] = members[swap[::-1]]
            orders.append(members)
        dense, state = modularity_matrix(level, gamma), np.array([seed], np.uint64)
        parts, n = dense_refined(dense, labels, 3, state)
        found = {frozenset(np.flatnonzero(parts == part).tolist()) for part in range(n)}
        order = np.concatenate(orders)
        assert found == refined_by_the_definition(level, gamma, labels, order)


@pytest.mark.parametrize("size", ["small", "medium", "large"])
def test_promises_on_networks_of_all_kinds(size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connected modules, from which no unit gains by leaving, on the paths of all sizes."""
    if size != "small":
        monkeypatch.setattr(searching, "_DENSE", 0)
    if size == "large":
        monkeypatch.setattr(searching, "_FEWER_BEGUN", 0)
        monkeypatch.setattr(settling, "_MANY", 10)
    rng = np.random.default_rng(0)
    for seed in range(60):
        widths = rng.integers(2, 9, size=rng.integers(2, 6)).tolist()
        graph, _ = planted(
            widths, 2, rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.9), 0.5, 0.3, rng=seed
        )
        graph = graph.with_weights(rng.exponential(size=graph.n_edges) * rng.integers(0, 5) + 0.1)
        gamma = float(rng.choice([0.3, 1.0, 2.5, 10.0]))
        start = Partition(rng.integers(4, size=graph.n_units)) if seed % 3 else None
        found = layered(graph, rng=seed, resolution=gamma, start=start)
        value = quality(graph, found, gamma)
        assert found.quality == value
        assert start is None or value >= quality(graph, start, gamma) - 1e-12
        assert n_disconnected(graph, found) == 0
        assert best_move(graph, found, gamma) <= value + 1e-9


def test_at_the_end_no_move_gains() -> None:
    """Moves change null terms of units that no edge leads to, so that a sweep is not enough."""
    rng = np.random.default_rng(0)
    for seed in range(300):
        graph, _ = planted([6, 9, 9, 6], 2, 0.5, 0.3, skips=0.3, rng=seed)
        graph = graph.with_weights(rng.exponential(size=graph.n_edges))
        level, total = live_level(graph, live_units(graph))
        limits = Limits(1e-12 * total, 1e-9 * total, 30)
        labels, state = rng.integers(4, size=level.alone.size).astype(np.int32), np.array([seed])
        optimise_connected(level, None, 1.5, limits, labels, state.astype(np.uint64))
        waits = np.ones(labels.size, bool)
        again = move(level, 1.5, limits.least, 999, labels, waits, np.array([1], np.uint64))
        assert again[0] == 0


def test_a_unit_leaves_for_a_module_of_its_own() -> None:
    """Where it loses in every module that there is."""
    graph = from_matrices([np.array([[1.0, 1.0], [1.0, 0.0]])])
    level, _ = live_level(graph, live_units(graph))
    labels, waits = np.zeros(4, np.int32), np.ones(4, bool)
    before = value_of(level, 5.0, labels)
    gained, n_modules, _ = move(level, 5.0, 0.0, 99, labels, waits, np.array([0], np.uint64))
    assert n_modules == 4
    assert value_of(level, 5.0, labels) == pytest.approx(before + 2 * gained)


def test_refined_parts_are_connected_and_gain() -> None:
    graph = mixed(5).live()
    level, _ = live_level(graph, live_units(graph))
    labels = np.zeros(graph.n_units, np.int32)
    parts, n_parts = refined(level, 1.0, labels, np.array([0], np.uint64))
    assert 1 < n_parts < graph.n_units
    alone = np.arange(graph.n_units, dtype=np.int32)
    assert value_of(level, 1.0, parts) > value_of(level, 1.0, alone)
    assert connected_parts(level, parts)[1] == n_parts


@pytest.mark.parametrize("widths", [[40] * 3, [40] * 6, [40] * 20, [100, 80, 60, 40]])
def test_modules_over_two_are_split_and_no_others(widths: list[int]) -> None:
    """Nor are modules split by depth, unless what they hold changes there."""
    graph, truth = planted(widths, 4, 0.7, 0.05, skips=0.1, rng=0)
    level, _ = live_level(graph.pattern, live_units(graph))
    planted_labels = truth.labels.astype(np.int32)
    late = np.arange(graph.n_units) >= graph.layers[len(widths) // 2].start
    swapped = np.where(late & (planted_labels < 2), 1 - planted_labels, planted_labels)
    over = np.where(planted_labels == 3, 0, planted_labels)
    partly = np.where((planted_labels == 3) & ~late, 0, planted_labels)
    for seed in range(3):
        state = np.array([seed], np.uint64)
        labels = planted_labels.copy()
        assert split(level, 1.0, 1e-9, labels, 4, state) == 0
        assert (labels == planted_labels).all()
        for begun, n_modules in ((over, 3), (partly, 4)):
            labels = begun.astype(np.int32)
            assert split(level, 1.0, 1e-9, labels, n_modules, state) == 1
            for label in range(n_modules + 1):
                assert np.unique(planted_labels[labels == label]).size == 1
        labels = swapped.astype(np.int32)
        assert split(level, 1.0, 1e-9, labels, 4, state) >= 2
        assert value_of(level, 1.0, labels) > value_of(level, 1.0, swapped)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_no_split_loses(gamma: float) -> None:
    for graph in (mixed(), mixed(3), from_matrices([np.eye(3), np.eye(3)])):
        level, total = live_level(graph, live_units(graph))
        rng = np.random.default_rng(0)
        for seed in range(20):
            labels = rng.integers(1 + seed % 4, size=level.alone.size).astype(np.int32)
            value, before = value_of(level, gamma, labels), labels.copy()
            n = split(level, gamma, 1e-12 * total, labels, 4, np.array([seed], np.uint64))
            after = value_of(level, gamma, labels)
            assert after > value if n else (labels == before).all()
            assert (np.unique(labels).size - np.unique(before).size) == n
            for label in np.unique(labels):
                assert np.unique(before[labels == label]).size == 1, "sets lie inside modules"


def test_large_networks_are_settled_by_splits() -> None:
    graph, truth = planted([60] * 6, 4, 0.6, 0.05, rng=0)
    level, total = live_level(graph.pattern, live_units(graph))
    limits = Limits(1e-12 * total, 1e-9 * total, 30)
    labels, state = np.arange(level.alone.size, dtype=np.int32), np.array([0], np.uint64)
    _merge(level, 1.0, limits._replace(most_visits=2), limits, labels, state)
    n_modules = labels.max() + 1
    assert np.unique(labels).size == n_modules < 20
    for a in range(n_modules):  # no two of them gain by a merger
        for b in range(a):
            merged = np.where(labels == a, b, labels).astype(np.int32)
            assert value_of(level, 1.0, merged) <= value_of(level, 1.0, labels) + 1e-9
    _grow(level, 1.0, limits, labels, state)
    assert compare(Partition(labels), truth).ari == 1
    effort = Effort(1, 0, 0, 0, 0.0, 1e-9, 30, True)
    over = np.where(truth.labels == 3, 0, truth.labels).astype(np.int32)
    found = best_of(level, 1.0, total, effort, over, np.random.default_rng(0))
    assert compare(Partition(found), truth).ari == 1


def test_what_no_edge_joins_is_separated() -> None:
    graph = from_matrices([np.eye(3), np.eye(3)])
    level, _ = live_level(graph, live_units(graph))
    parts, n_parts = connected_parts(level, np.array([0, 0, 1, 0, 0, 1, 0, 0, 1], np.int32))
    assert (parts.tolist(), n_parts) == ([0, 1, 2, 0, 1, 2, 0, 1, 2], 3)
    found = layered(graph, resolution=0.0, rng=0)
    assert found.labels.tolist() == [0, 1, 2] * 3, "no weight holds them together even at γ = 0"


def test_quality_never_falls_from_the_start() -> None:
    graph = mixed(1)
    rng = np.random.default_rng(1)
    good = layered(graph, rng=0)
    starts = [Partition(rng.integers(k, size=graph.n_units)) for k in (1, 2, 5, 20)]
    starts += [good, Partition(np.full(graph.n_units, -1)), Partition(np.zeros(graph.n_units, int))]
    for start in starts:
        found = layered(graph, rng=0, start=start)
        assert quality(graph, found) >= quality(graph, start) - 1e-12
        assert best_move(graph, found, 1.0) <= quality(graph, found) + 1e-9
    strong, truth = planted([12] * 4, 3, 0.9, 0.05, rng=0)
    assert layered(strong.pattern, start=truth, rng=0).labels.tobytes() == truth.labels.tobytes()


def test_fixed_units_stay_apart_and_together() -> None:
    graph, truth = planted([12] * 4, 3, 0.8, 0.05, rng=0)
    graph = graph.pattern
    fixed = np.full(graph.n_units, -1)
    fixed[graph.outputs] = np.arange(12)
    apart = layered(graph, rng=0, fixed=fixed)
    assert np.unique(apart.labels[graph.outputs]).size == 12
    kept = quality(graph, apart)
    assert 0 < kept < quality(graph, layered(graph, rng=0))
    free = np.flatnonzero(fixed < 0)
    for unit in free:  # nor does the move of a free unit help
        for module in range(apart.n_modules + 1):
            labels = apart.labels.copy()
            labels[unit] = module
            assert quality(graph, Partition(labels)) <= kept + 1e-9
    crossed = np.full(graph.n_units, -1)
    crossed[[0, 4, 47]] = 0  # of three modules
    crossed[[1, 5]] = 1, 2
    found = layered(graph, rng=0, fixed=crossed).labels
    assert np.unique(found[[0, 4, 47]]).size == 1
    assert np.unique(found[[0, 1, 5]]).size == 3
    assert layered(graph, rng=0, fixed=truth.labels).labels.tobytes() == truth.labels.tobytes()
    begun = layered(graph, rng=0, fixed=truth.labels, start=truth)
    assert begun.labels.tobytes() == truth.labels.tobytes()


def test_fixed_and_start_must_agree() -> None:
    graph, truth = planted([6, 6], 2, 1.0, 0.0, rng=0)
    fixed = np.full(12, -1)
    fixed[[0, 5]] = 0
    with pytest.raises(GraphError, match=r"start separates units .* such as 0 and 5"):
        layered(graph, start=truth, fixed=fixed)
    fixed[[0, 1]] = 0, 1
    fixed[5] = -1
    with pytest.raises(GraphError, match="start joins units that are fixed apart, such as 0 and 1"):
        layered(graph, start=truth, fixed=fixed)
    unsaid = Partition(np.where(fixed >= 0, -1, truth.labels))
    assert np.unique(layered(graph, start=unsaid, fixed=fixed, rng=0).labels[[0, 1]]).size == 2
    for wrong in (np.zeros(3, int), np.zeros(12)):
        with pytest.raises(GraphError, match="labels"):
            layered(graph, fixed=wrong)
    with pytest.raises(GraphError, match="labels"):
        layered(graph, start=Partition([0, 1]))


def test_units_together_move_as_one() -> None:
    """As free as a single unit: unlike fixed ones, two groups may end in one module."""
    graph, truth = planted([12] * 4, 3, 0.8, 0.05, rng=0)
    graph = graph.pattern
    free = layered(graph, rng=0)
    labels = np.full(graph.n_units, -1)
    for module in range(3):  # two groups inside each module
        labels[np.flatnonzero(truth.labels == module)[:8]] = 2 * module + np.arange(8) // 4
    found = layered(graph, rng=0, together=labels)
    assert found.labels.tobytes() == free.labels.tobytes() == truth.labels.tobytes()
    crossed = np.full(graph.n_units, -1)
    crossed[[0, 4, 47]] = 0  # of three modules
    found = layered(graph, rng=0, together=crossed)
    assert np.unique(found.labels[[0, 4, 47]]).size == 1
    value = quality(graph, found)
    assert value < free.quality
    for module in range(found.n_modules):  # nor does the move of the three, or of a free unit, help
        for units in ([0, 4, 47], [1], [20], [40]):
            moved = found.labels.copy()
            moved[units] = module
            assert quality(graph, Partition(moved)) <= value + 1e-9
    fixed = np.full(graph.n_units, -1)
    fixed[[0, 5]] = 0, 1
    both = layered(graph, rng=0, together=crossed, fixed=fixed).labels
    assert np.unique(both[[0, 4, 47]]).size == 1
    assert both[0] != both[5]
    whole = layered(graph, rng=0, together=np.zeros(graph.n_units, int))
    assert (whole.n_modules, whole.quality) == (1, pytest.approx(0, abs=1e-12))


def test_together_must_agree_with_fixed_and_start() -> None:
    graph, truth = planted([6, 6], 2, 1.0, 0.0, rng=0)
    together, fixed = np.full(12, -1), np.full(12, -1)
    together[[0, 5]], fixed[[0, 5]] = 0, (0, 1)
    with pytest.raises(GraphError, match="fixed separates units 0 and 5, which together holds"):
        layered(graph, fixed=fixed, together=together)
    with pytest.raises(GraphError, match="start separates units that are held as one, such as 0 "):
        layered(graph, start=truth, together=together)
    fixed[5] = -1
    fixed[4] = 1
    joined = Partition([0, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1])
    found = layered(graph, start=joined, fixed=fixed, together=together, rng=0)
    assert found.labels[0] == found.labels[5] != found.labels[4]
    with pytest.raises(GraphError, match="labels"):
        layered(graph, together=np.zeros(3, int))


def test_dead_and_empty_with_labels_or_without_blocks() -> None:
    empty = from_matrices([np.zeros((3, 2)), np.zeros((2, 3))])
    found = layered(empty, rng=0, fixed=np.zeros(7, int), start=Partition(np.zeros(7, int)))
    assert (found.labels.tolist(), found.quality) == ([-1] * 7, 0)
    layers = (Layer("a", "input", (2,), 0, 2), Layer("b", "output", (0,), 2, 2))
    no_blocks = NetGraph(from_matrices([np.zeros((2, 0))]).weights, None, layers, ())
    assert layered(no_blocks, rng=0).labels.tolist() == [-1, -1]


def test_junctions_and_wiring_count_as_edges() -> None:
    """A residual sum: identity edges from the branch and from its beginning meet in a junction."""
    graph, truth = planted([6, 6, 6, 6], 3, 1.0, 0.0, rng=0)
    matrix = graph.weights.tolil()
    matrix[range(6, 12), range(18, 24)] = 1.0
    blocks = (*graph.blocks, Block("hidden1", "output", None, "wiring", 0))
    wired = NetGraph(matrix.tocsr(), None, graph.layers, blocks)
    found = layered(wired, rng=0)
    assert found.labels.tobytes() == truth.labels.tobytes()
    assert found.quality == pytest.approx(2 / 3)


def test_random_orders() -> None:
    state = np.array([7], np.uint64)
    orders = np.array([shuffled(5, state) for _ in range(4000)])
    assert (np.sort(orders, axis=1) == np.arange(5)).all()
    counts = np.array([np.bincount(column, minlength=5) for column in orders.T])
    assert np.abs(counts - 800).max() < 6 * np.sqrt(800 * 0.8)
    assert {int(draw_below(3, state)) for _ in range(100)} == {0, 1, 2}


@pytest.mark.parametrize("widths", [[40] * 5, [80] * 4])
def test_threads_change_nothing(widths: list[int]) -> None:
    """Runs share the graph and the compiled code, but no array that they write to."""
    graph, _ = planted(widths, 3, 0.1, 0.1, rng=0)
    graph = graph.with_weights(np.random.default_rng(0).standard_normal(graph.n_edges))

    def run(seed: int) -> bytes:
        return layered(graph, rng=seed).labels.tobytes()

    alone = [run(seed) for seed in range(3)]
    assert len(set(alone)) > 1
    assert list(in_threads(run, range(3), jobs=3)) == alone


def test_it_serves_as_any_detector() -> None:
    graph, truth = planted([16] * 4, 3, 0.7, 0.05, rng=0)
    found = consensus(graph.pattern, layered, n_seeds=5, rng=0)
    assert compare(found.partition, truth).ari > 0.95
    assert found.stability > 0.95
