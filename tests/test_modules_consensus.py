"""What runs agree on, and modules at many resolutions."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest

from netsculpt import GraphError, NetGraph, Partition, planted
from netsculpt.core.declared import on_own_weights
from netsculpt.core.parallel import for_threads
from netsculpt.core.random import RNG, stream
from netsculpt.modules import (
    compare,
    consensus,
    layer_ami,
    layered,
    leiden,
    quality,
    resolution_profile,
    sculpting,
)
from netsculpt.modules.resolution_profile import ResolutionDetector


def weak(seed: int = 0) -> tuple[NetGraph, Partition]:
    graph, truth = planted([32] * 8, 4, 0.25, 0.05, rng=seed)
    return graph.pattern, truth


def test_consensus_of_a_weak_network() -> None:
    graph, truth = weak()
    found = consensus(graph, layered, n_seeds=8, rng=0)
    assert len(found.runs) == 8
    pairs = [compare(a, b) for a, b in combinations(found.runs, 2)]
    assert found.stability == pytest.approx(np.mean([x.ami for x in pairs]))
    assert found.variation == pytest.approx(np.mean([x.vi for x in pairs]))
    assert 0.3 < found.stability < 0.99, "the example must be unstable"
    assert found.partition.quality == quality(graph, found.partition)
    mean = np.mean([compare(run, truth).ari for run in found.runs])
    assert compare(found.partition, truth).ari > mean - 0.02


def test_agreement_is_the_share_of_runs() -> None:
    graph, _ = weak()
    found = consensus(graph, layered, n_seeds=3, rng=1)
    assert found.agreement.nnz == graph.n_edges
    for (u, v), share in list(found.agreement.todok().items())[:200]:
        together = [run.labels[u] == run.labels[v] >= 0 for run in found.runs]
        assert share == pytest.approx(np.mean(together))


def test_confidence() -> None:
    graph, truth = planted([6, 6, 6], 2, 1.0, 0.0, rng=0)
    sure = consensus(graph.pattern, layered, n_seeds=4, rng=0)
    assert sure.stability == 1
    assert sure.variation == 0
    assert (sure.confidence == 1).all()
    assert sure.summary()["mean_confidence"] == 1

    def wavering(graph: NetGraph, *, rng: RNG = None) -> Partition:
        """The truth, but unit 0 changes sides at random and unit 17 has no module."""
        labels = truth.labels.copy()
        labels[0], labels[17] = np.random.default_rng(rng).integers(2), -1
        return Partition(labels)

    found = consensus(graph, wavering, n_seeds=40, rng=0)
    there = [run.labels[0] == run.labels[1] for run in found.runs]
    share = np.mean(there) if found.partition.labels[0] == found.partition.labels[1] else None
    share = 1 - np.mean(there) if share is None else share
    assert 0.2 < share < 0.8
    assert found.confidence[0] == pytest.approx(share)
    assert (found.confidence[1:17] == 1).all()
    assert np.isnan(found.confidence[17])


def test_confidence_in_any_partition() -> None:
    graph, truth = planted([6, 6, 6], 2, 1.0, 0.0, rng=0)

    def wavering(graph: NetGraph, *, rng: RNG = None) -> Partition:
        """The truth, modules named at random; unit 0 is alone in every run."""
        labels = np.random.default_rng(rng).permutation(2)[truth.labels]
        labels[0] = 2
        return Partition(labels)

    found = consensus(graph, wavering, n_seeds=5, rng=0)
    other = truth.labels.copy()
    other[1] = 1 - other[1]
    other[2] = -1
    assert found.confidence_in(truth).tolist() == [0.0] + [1.0] * 17
    confidence = found.confidence_in(Partition(other))
    assert confidence[:2].tolist() == [0.0, 0.0]
    assert np.isnan(confidence[2])
    assert (confidence[3:] == 1).all()
    with pytest.raises(GraphError, match="3 labels, the runs 18"):
        found.confidence_in(Partition([0, 1, 1]))


def test_detectors_that_draw_nothing_are_stable() -> None:
    graph, _ = planted([8, 8, 8], 2, 1.0, 0.0, rng=0)
    found = consensus(graph, sculpting, n_seeds=2, rng=0)
    assert found.stability == 1
    assert found.partition.labels.tobytes() == found.runs[0].labels.tobytes()


def test_the_consensus_of_equal_runs_is_that_run() -> None:
    graph, truth = planted([8, 8, 8], 2, 0.9, 0.1, rng=0)

    def whole_or_truth(graph: NetGraph, *, rng: RNG = None) -> Partition:
        """The truth on the network itself, one module on any other weights."""
        same = (graph.weights.data == weights).all()
        return truth if same else Partition(np.zeros(graph.n_units, int))

    weights = np.random.default_rng(0).standard_normal(graph.n_edges)
    found = consensus(graph.with_weights(weights), whole_or_truth, n_seeds=3, rng=0)
    assert found.stability == 1
    assert found.partition.labels.tobytes() == truth.labels.tobytes()


def test_on_own_weights_the_consensus_is_the_run_most_like_the_others() -> None:
    graph, truth = planted([8, 8, 8], 2, 0.9, 0.1, rng=0)
    weights = np.random.default_rng(0).standard_normal(graph.n_edges)

    @on_own_weights
    def wavering(graph: NetGraph, *, rng: RNG = None) -> Partition:
        """The truth, but a few units at random change sides; only on the network's own weights."""
        assert (graph.weights.data == weights).all()
        generator = np.random.default_rng(rng)
        moved = generator.random(graph.n_units) < generator.choice([0.05, 0.3])
        return Partition(np.where(moved, 1 - truth.labels, truth.labels))

    found = consensus(graph.with_weights(weights), wavering, n_seeds=6, rng=0)
    means = [
        np.mean([compare(run, other).ami for other in found.runs if other is not run])
        for run in found.runs
    ]
    assert np.argmax(means) > 0
    best = found.runs[int(np.argmax(means))]
    assert found.partition.labels.tobytes() == best.labels.tobytes()
    assert found.partition.quality == quality(graph.with_weights(weights), best)


def test_runs_depend_on_seed_and_number_alone() -> None:
    graph, _ = weak()
    few, many = (consensus(graph, layered, n_seeds=n, rng=5).runs for n in (2, 4))
    for a, b in zip(few, many, strict=False):
        assert a.labels.tobytes() == b.labels.tobytes()
    with pytest.raises(GraphError, match="n_seeds is 1"):
        consensus(graph, layered, n_seeds=1)


@for_threads
def in_threads(graph: NetGraph, *, rng: RNG = None, resolution: float = 1.0) -> Partition:
    return layered(graph, rng=rng, resolution=resolution)


def in_processes(graph: NetGraph, *, rng: RNG = None, resolution: float = 1.0) -> Partition:
    return layered(graph, rng=rng, resolution=resolution)


@pytest.mark.slow
@pytest.mark.parametrize("detector", [in_threads, in_processes])
def test_runs_do_not_depend_on_the_workers(detector: ResolutionDetector) -> None:
    graph, _ = weak()
    alone, shared = (consensus(graph, detector, n_seeds=5, rng=2, jobs=jobs) for jobs in (1, 2))
    assert alone.partition.labels.tobytes() == shared.partition.labels.tobytes()
    assert alone.confidence.tobytes() == shared.confidence.tobytes()
    assert (alone.stability, alone.variation) == (shared.stability, shared.variation)
    one, two = (
        resolution_profile(graph, detector, resolutions=[1.0, 2.0], n_seeds=3, rng=2, jobs=jobs)
        for jobs in (1, 2)
    )
    assert [x.labels.tobytes() for x in one.partitions] == [
        x.labels.tobytes() for x in two.partitions
    ]
    assert one.table().equals(two.table())


def test_no_live_unit() -> None:
    graph, _ = planted([4, 4, 4], 2, 0.0, 0.0, rng=0)
    found = consensus(graph, layered, n_seeds=2, rng=0)
    assert np.isnan(found.confidence).all()
    assert found.summary()["mean_confidence"] is None


@pytest.mark.parametrize("detector", [layered, leiden])
def test_resolution_profile(detector: ResolutionDetector) -> None:
    graph, truth = planted([16] * 4, 4, 0.8, 0.02, rng=0)
    gammas = [0.25, 1.0, 1.3, 6.0]
    found = resolution_profile(graph.pattern, detector, resolutions=gammas, n_seeds=3, rng=0)
    assert found.n_modules[1:3].tolist() == [4, 4]
    assert found.n_modules[0] <= 4 < found.n_modules[3]
    assert found.next_ami[1] == pytest.approx(1)
    assert np.isnan(found.next_ami[3])
    assert found.stability[1] == pytest.approx(1)
    assert found.layer_ami[1] == layer_ami(graph, found.partitions[1])
    for gamma, best, value in zip(gammas, found.partitions, found.quality, strict=True):
        assert value == quality(graph.pattern, best, gamma)
    assert compare(found.partitions[1], truth).ari > 0.95
    table = found.table()
    assert table["resolution"].tolist() == gammas
    assert list(found.summary()) == list(table.columns)
    alone = resolution_profile(graph.pattern, detector, resolutions=[1.3], n_seeds=3, rng=0)
    assert alone.partitions[0].labels.tobytes() == found.partitions[2].labels.tobytes()


def test_resolution_profile_is_of_the_best_run() -> None:
    graph, _ = weak()
    seen: list[tuple[int, int]] = []
    gammas = [1.0, 0.5, 2.0]
    found = resolution_profile(
        graph, layered, resolutions=gammas, n_seeds=3, rng=4, progress=lambda *x: seen.append(x)
    )
    assert seen == [(done, 9) for done in range(1, 10)]
    runs = [layered(graph, rng=stream(4, "γ = 1.0", at)) for at in range(3)]
    values = [quality(graph, run) for run in runs]
    assert len(set(values)) > 1, "the example must be unstable"
    assert found.quality[0] == max(values)
    assert found.partitions[0].labels.tobytes() == runs[np.argmax(values)].labels.tobytes()
    pairs = [compare(a, b).ami for a, b in combinations(runs, 2)]
    assert found.stability[0] == pytest.approx(np.mean(pairs)) != 1
    between = [compare(a, b).ami for a, b in pairwise(found.partitions)]
    assert found.next_ami[:2] == pytest.approx(between)
    assert between[0] != pytest.approx(between[1])


def test_resolution_profile_asks_nothing_of_a_detector_but_labels() -> None:
    graph, truth = planted([16] * 4, 4, 0.8, 0.02, rng=0)

    def halves(graph: NetGraph, *, rng: RNG = None, resolution: float = 1.0) -> Partition:
        return Partition(np.minimum(truth.labels, int(resolution)))

    found = resolution_profile(graph, halves, resolutions=[1, 3], n_seeds=2, rng=0)
    assert found.n_modules.tolist() == [2, 4]
    assert found.quality[1] == quality(graph, truth, 3.0)


def test_resolution_profile_needs_something() -> None:
    graph, _ = planted([4, 4], 2, 1.0, 0.0, rng=0)
    with pytest.raises(GraphError, match="0 resolutions"):
        resolution_profile(graph, resolutions=[])
    with pytest.raises(GraphError, match="n_seeds = 1"):
        resolution_profile(graph, n_seeds=1)


def test_runs_that_agree_on_something_else_do_not_make_a_partition_stable() -> None:
    graph, truth = planted([8, 8, 8], 2, 1.0, 0.0, rng=0)
    runs = consensus(graph.pattern, layered, n_seeds=3, rng=0)
    assert runs.stability_of(truth) == runs.stability == 1.0
    other = Partition(np.arange(graph.n_units) % 2)
    assert runs.stability_of(other) < 0.1
