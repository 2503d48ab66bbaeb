"""What both detectors of layer-aware modularity, `layered` and `leiden`, promise."""

from __future__ import annotations

import random
from itertools import product

import numpy as np
import pytest
from modularity import best_merger, best_move, mixed

from netsculpt import GraphError, from_matrices, planted
from netsculpt.graph.graph import live_units
from netsculpt.modules import layered, leiden, quality
from netsculpt.modules.resolution_profile import ResolutionDetector

both = pytest.mark.parametrize("detector", [layered, leiden])


@pytest.mark.parametrize("k", range(2, 7))
@pytest.mark.parametrize(
    ("detector", "n_layers"),
    [
        *product([layered, leiden], [2, 5, 12]),
        (layered, 20),
        pytest.param(leiden, 20, marks=pytest.mark.slow),
    ],
)
def test_perfect_modules_are_never_split_by_depth(
    detector: ResolutionDetector, n_layers: int, k: int
) -> None:
    for per_layer, seed in product((1, 2), range(2)):
        graph, truth = planted([per_layer * k] * n_layers, k, 1.0, 0.0, rng=0)
        partition = detector(graph.pattern, rng=seed)
        assert partition.labels.tobytes() == truth.labels.tobytes()
        assert partition.quality == pytest.approx(1 - 1 / k, abs=1e-12)


@both
@pytest.mark.parametrize("gamma", [0.7, 1.0, 1.6])
@pytest.mark.parametrize("seed", range(3))
def test_no_move_and_no_merger_improves_it(
    detector: ResolutionDetector, gamma: float, seed: int
) -> None:
    graph = mixed(seed)
    partition = detector(graph, rng=seed, resolution=gamma)
    assert partition.quality == quality(graph, partition, gamma)
    assert best_move(graph, partition, gamma) <= partition.quality + 1e-9
    assert best_merger(graph, partition, gamma) <= partition.quality + 1e-9


@both
def test_weights_enter_as_magnitude_at_any_scale(detector: ResolutionDetector) -> None:
    graph, _ = planted([12] * 4, 3, 0.6, 0.05, rng=0)
    graph = graph.with_weights(graph.weights.data.astype(np.float64))
    partition = detector(graph, rng=1)
    for factor in (-1.0, 1e-30, 1e30, 1e-300):
        scaled = detector(graph.with_weights(graph.weights.data * factor), rng=1)
        assert scaled.labels.tobytes() == partition.labels.tobytes()


@both
def test_magnitudes_can_hold_the_modules(detector: ResolutionDetector) -> None:
    rng = np.random.default_rng(0)
    block = np.kron(np.eye(3), np.ones((5, 5))) * 2 + 0.1 * rng.random((15, 15))
    graph = from_matrices([block, -block, block])
    assert detector(graph, rng=0).sizes.tolist() == [20, 20, 20]
    assert detector(graph.pattern, rng=0).quality == 0, "the complete pattern has none"


@both
def test_stored_zeros_keep_units_live_and_hold_nothing(detector: ResolutionDetector) -> None:
    graph = from_matrices([np.diag([1.0, 2.0, 0.0])], [np.eye(3)])
    assert detector(graph, rng=0).labels.tolist() == [0, 1, 2, 0, 1, 3]
    zeros = detector(from_matrices([np.zeros((2, 2))], [np.ones((2, 2))]), rng=0)
    assert (zeros.labels.tolist(), zeros.quality) == ([0, 1, 2, 3], 0)


@both
def test_dead_and_empty(detector: ResolutionDetector) -> None:
    dead = detector(from_matrices([np.zeros((3, 2)), np.zeros((2, 3))]), rng=0)
    assert (dead.labels.tolist(), dead.quality) == ([-1] * 7, 0)
    no_width = from_matrices([np.zeros((0, 2)), np.zeros((2, 0))])
    assert detector(no_width, rng=0).labels.tolist() == [-1] * 4


@both
def test_resolution(detector: ResolutionDetector) -> None:
    graph, _ = planted([12] * 4, 3, 0.6, 0.05, rng=0)
    gammas = (0.0, 0.3, 1.0, 2.0, 4.0, 8.0, 1e6)
    counts = [detector(graph.pattern, rng=0, resolution=gamma).n_modules for gamma in gammas]
    assert counts == sorted(counts)
    assert (counts[0], counts[2], counts[-1]) == (1, 3, live_units(graph).sum())
    for wrong in (-0.1, np.nan, np.inf):
        with pytest.raises(GraphError, match="resolution"):
            detector(graph, resolution=wrong)


@both
def test_seeds(detector: ResolutionDetector) -> None:
    graph, _ = planted([40] * 3, 4, 0.15, 0.1, rng=0)
    before = global_state()
    labels = detector(graph, rng=3).labels.tobytes()
    assert detector(graph, rng=3).labels.tobytes() == labels
    assert detector(graph, rng=np.random.default_rng(3)).labels.tobytes() == labels
    assert any(detector(graph, rng=seed).labels.tobytes() != labels for seed in range(3))
    assert global_state() == before


def global_state() -> str:
    return repr((random.getstate(), np.random.get_state()))  # noqa: NPY002
