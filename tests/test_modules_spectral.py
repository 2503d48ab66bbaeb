"""Spectral n-cut clustering."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.cluster.vq import kmeans2

from netsculpt import GraphError, NetGraph, Partition, from_matrices, planted
from netsculpt.modules import compare, ncut, spectral
from netsculpt.modules.detectors._k_means import k_means


def separate(sizes: list[int]) -> NetGraph:
    """Perfect modules of these widths, as components, three layers deep."""
    block = np.zeros((sum(sizes), sum(sizes)))
    ends = np.cumsum(sizes)
    for start, stop in zip(ends - sizes, ends, strict=True):
        block[start:stop, start:stop] = 1
    return from_matrices([block, block])


@pytest.mark.parametrize("k", [2, 3, 5])
def test_disconnected_modules_have_ncut_zero(k: int) -> None:
    graph, truth = planted([4 * k] * 3, k, 1.0, 0.0, rng=0)
    for found in (spectral(graph, rng=0, k=k), spectral(graph, rng=0)):
        assert found.labels.tobytes() == truth.labels.tobytes()
        assert found.quality == 0


def test_fewer_modules_than_components() -> None:
    graph = separate([6, 3, 3, 2])
    found = spectral(graph, rng=0, k=2)
    assert found.quality == 0
    assert found.sizes.tolist() == [18, 24]  # by volume 36 against 9 + 9 + 4
    assert spectral(graph, rng=0, k=1).n_modules == 1


def test_more_modules_than_components() -> None:
    """Every component splits at its weak point; no module spans two components."""
    graph, truth = planted([20] * 3, 4, 0.9, 0.0, rng=0)
    weak = graph.weights.toarray()
    rng = np.random.default_rng(0)
    blocks = []
    for layer in range(2):
        here, there = graph.layers[layer].units, graph.layers[layer + 1].units
        pair = (np.abs(weak[here, there]) > 0).astype(float)
        joint = truth.labels[here][:, None] // 2 == truth.labels[there] // 2
        pair[joint & (pair == 0)] = 0.01 * rng.random(int((joint & (pair == 0)).sum()))
        blocks.append(pair.T)
    joined = from_matrices(blocks)
    assert compare(spectral(joined, rng=0, k=4), truth).ari == 1
    assert compare(spectral(joined, rng=0), truth).ari == 1
    two = spectral(joined, rng=0, k=2)
    assert (two.n_modules, two.quality) == (2, 0)


def test_it_finds_the_least_ncut_of_a_small_network() -> None:
    graph, _ = planted([4, 4, 4], 2, 0.95, 0.25, rng=5)
    graph = graph.pattern
    found = spectral(graph, rng=0, k=2)
    least = min(
        ncut(graph, Partition([0, *rest])) for rest in product([0, 1], repeat=11) if any(rest)
    )
    assert found.quality == pytest.approx(least, abs=1e-12)


@pytest.mark.parametrize(
    ("widths", "k", "p_in", "p_out"),
    [([18] * 4, 3, 0.7, 0.01), ([40] * 3, 5, 0.5, 0.03), ([40] * 3, 2, 0.4, 0.03)],
)
def test_k_is_found(widths: list[int], k: int, p_in: float, p_out: float) -> None:
    scores = []
    for seed in range(3):
        graph, truth = planted(widths, k, p_in, p_out, rng=seed)
        found = spectral(graph.pattern, rng=seed)
        assert found.n_modules == k
        scores.append(compare(found, truth).ari)
    assert np.mean(scores) > 0.9


def test_no_modules_is_one_module() -> None:
    assert spectral(from_matrices([np.ones((6, 6)), np.ones((6, 6))]), rng=0).n_modules == 1


def test_sparse_solver_agrees_with_the_dense_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import import_module

    graph, truth = planted([60] * 4, 4, 0.4, 0.02, rng=0)
    dense = spectral(graph.pattern, rng=0, k=4)
    monkeypatch.setattr(import_module("netsculpt.modules.detectors.spectral"), "_DENSE", 0)
    sparse = spectral(graph.pattern, rng=0, k=4)
    assert compare(sparse, truth).ari > 0.95
    assert sparse.labels.tobytes() == dense.labels.tobytes()


@pytest.mark.parametrize("dense", [0, 600])
def test_equal_eigenvalues_give_the_same_bytes(monkeypatch: pytest.MonkeyPatch, dense: int) -> None:
    """Where the eigensolver must go on from a new vector, and any basis would do."""
    from importlib import import_module

    monkeypatch.setattr(import_module("netsculpt.modules.detectors.spectral"), "_DENSE", dense)
    graph = from_matrices([np.ones((60, 60)), np.ones((60, 60))])
    found = {spectral(graph, rng=0, k=4).labels.tobytes() for _ in range(4)}
    assert len(found) == 1


def test_threads_change_no_byte() -> None:
    from threadpoolctl import threadpool_limits

    graph, _ = planted([300] * 3, 3, 1.0, 0.0, rng=0)
    found = set()
    for n_threads in (1, 4):
        with threadpool_limits(n_threads):
            found.add(spectral(graph.pattern, rng=0, k=4).labels.tobytes())
    assert len(found) == 1


def test_large_disconnected_modules_have_ncut_zero() -> None:
    graph, truth = planted([930] * 3, 3, 0.06, 0.0, rng=0)
    live = graph.live()
    assert live.n_units > 3 * 600
    found = spectral(graph.pattern, rng=0, k=3)
    assert found.quality == 0
    placed = found.labels >= 0
    assert compare(Partition(found.labels[placed]), Partition(truth.labels[placed])).ari == 1
    finer = spectral(graph.pattern, rng=0, k=5)
    pairs = set(zip(truth.labels[placed].tolist(), finer.labels[placed].tolist(), strict=True))
    assert len(pairs) == finer.n_modules == 5, "no module spans two components"


def test_units_without_weight_have_no_module() -> None:
    weights, mask = np.diag([1.0, 2.0, 0.0]), np.eye(3)
    found = spectral(from_matrices([weights], [mask]), rng=0)
    assert found.labels.tolist() == [0, 1, -1, 0, 1, -1]
    zero_bridge = np.array([[1.0, 0.0], [0.0, 1.0]])
    joined = from_matrices([zero_bridge], [np.ones((2, 2))])
    assert spectral(joined, rng=0).labels.tolist() == [0, 1, 0, 1], "a stored zero joins nothing"


def test_nothing_to_cluster() -> None:
    found = spectral(from_matrices([np.zeros((3, 2)), np.zeros((2, 3))]), rng=0)
    assert (found.labels.tolist(), found.quality) == ([-1] * 7, 0)


def test_impossible_k() -> None:
    graph = separate([2, 2])
    for k in (0, 13):
        with pytest.raises(GraphError, match=f"k is {k}: 1 … 12"):
            spectral(graph, k=k)
    assert spectral(graph, rng=0, k=12).n_modules == 12
    with pytest.raises(GraphError, match="k is 1"):
        spectral(from_matrices([np.zeros((2, 2))]), k=1)


@pytest.mark.parametrize("k", [1, 3, 7])
def test_k_means_is_the_best_of_scipys_runs(k: int) -> None:
    """The same seeds are drawn, and each run goes on until nothing moves."""
    rows = np.random.default_rng(k).normal(size=(60, 9))
    rng = np.random.default_rng(5)
    best: list[int] = []
    least = np.inf
    for _ in range(8):
        centres, labels = kmeans2(rows, k, iter=100, minit="++", rng=rng)
        far = float(((rows - centres[labels]) ** 2).sum())
        if far < least - 1e-9:
            best, least = labels.tolist(), far
    found = k_means(rows, k, restarts=8, rng=np.random.default_rng(5))
    assert found.tolist() == best
