"""Moving by a table of links, in dense networks too large for the other tests."""

from __future__ import annotations

import numpy as np
import pytest

from netsculpt import NetGraph, Partition, planted
from netsculpt.graph.graph import live_units
from netsculpt.modules import layered, quality
from netsculpt.modules.detectors._layered.moving import Level, value_of
from netsculpt.modules.detectors._layered.tabled import move_any
from netsculpt.modules.detectors._layered.units import live_level

LEAST = 1e-9


@pytest.fixture(scope="module")
def network() -> tuple[NetGraph, Partition]:
    """Some 440,000 edges, 600 neighbours a unit, two modules."""
    return planted([450, 500, 450], 2, 0.98, 0.9, rng=0)


@pytest.fixture(scope="module")
def level(network: tuple[NetGraph, Partition]) -> Level:
    graph, _ = network
    made, _ = live_level(graph.pattern, live_units(graph))
    return made


def moved(level: Level, labels: np.ndarray, visits: int) -> tuple[float, np.ndarray, np.ndarray]:
    labels, waits = labels.astype(np.int32), np.ones(labels.size, np.bool_)
    state = np.array([1], np.uint64)
    gained, n_modules, _ = move_any(level, 1.0, LEAST, visits * labels.size, labels, waits, state)
    assert n_modules == labels.max() + 1
    return gained, labels, waits


@pytest.mark.parametrize("visits", [1, 30])
@pytest.mark.parametrize("n_modules", [1, 3, 1400])
def test_what_is_gained_is_the_difference_of_values(
    level: Level, n_modules: int, visits: int
) -> None:
    before = np.random.default_rng(0).integers(n_modules, size=level.alone.size).astype(np.int32)
    value = value_of(level, 1.0, before.copy())
    gained, after, _ = moved(level, before, visits)
    assert 2 * gained == pytest.approx(value_of(level, 1.0, after) - value, abs=1e-6)
    assert gained > 0 or n_modules == 1
    assert not np.asarray(level.table).any()  # as whoever uses it next needs it


def test_in_the_end_no_move_of_a_unit_gains(network: tuple[NetGraph, Partition]) -> None:
    graph, truth = network
    found = layered(graph.pattern, rng=0)
    assert found.quality >= quality(graph.pattern, truth) - 1e-9
    labels = found.labels
    for unit in np.random.default_rng(0).choice(graph.n_units, 20, replace=False).tolist():
        for module in range(found.n_modules + 1):  # the last is one of its own
            other = np.where(np.arange(labels.size) == unit, module, labels)
            assert quality(graph.pattern, Partition(other)) <= found.quality + 1e-12


def test_planted_modules_are_found(network: tuple[NetGraph, Partition]) -> None:
    graph, truth = network
    labels = layered(graph.pattern, rng=1).labels
    same, planted_same = (x[:, None] == x for x in (labels, truth.labels))
    assert (same == planted_same).mean() > 0.95
