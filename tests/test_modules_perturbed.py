"""Stability of deterministic detectors: runs without a few edges."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import content
from scipy.stats import chisquare

import netsculpt
from netsculpt import GraphError, NetGraph, Partition, from_matrices, planted
from netsculpt.core.catalog import named, names
from netsculpt.core.declared import is_deterministic
from netsculpt.core.random import RNG
from netsculpt.graph.graph import Block, Layer
from netsculpt.modules import consensus, path_signature, perturbed, sculpting
from netsculpt.report.terminal.analysis import print_report


def seen_by(graph: NetGraph, left_out: float, seed: int) -> NetGraph:
    """What a detector is shown."""
    shown = []

    def detector(graph: NetGraph, *, rng: RNG = None) -> Partition:
        shown.append(graph)
        return Partition(np.zeros(graph.n_units, dtype=int))

    perturbed(detector, left_out=left_out)(graph, rng=seed)
    return shown[0]


def edges(graph: NetGraph) -> set[tuple[int, int]]:
    return set(zip(graph.sources.tolist(), graph.weights.indices.tolist(), strict=True))


@pytest.mark.parametrize(("left_out", "n"), [(0.02, 2), (0.25, 29), (0.001, 1)])
def test_this_share_of_the_edges_is_left_out_and_nothing_else_changes(
    left_out: float, n: int
) -> None:
    made, _ = planted([8, 9, 5], 1, 1.0, 1.0, rng=0)
    weights = np.random.default_rng(0).standard_normal(117)
    weights[::5] = 0  # stored zeros are edges
    of_each = np.arange(1, 118)
    graph = NetGraph(made.with_weights(weights).weights, of_each, made.layers, made.blocks)
    before = content(graph)
    shown = seen_by(graph, left_out, 0)
    assert content(graph) == before
    assert shown.n_edges == 117 - n
    assert shown.multiplicity is not None
    kept = shown.multiplicity - 1  # which edge each of them was
    assert np.array_equal(shown.sources, graph.sources[kept])
    assert np.array_equal(shown.weights.indices, graph.weights.indices[kept])
    assert np.array_equal(shown.weights.data, graph.weights.data[kept])
    assert (shown.layers, shown.blocks) == (graph.layers, graph.blocks)


def test_every_edge_is_left_out_equally_often_but_wiring_never() -> None:
    layers = tuple(
        Layer(name, role, (3,), 3 * i, 3 * i + 3)
        for i, (name, role) in enumerate([("a", "input"), ("b", "junction"), ("c", "output")])
    )
    blocks = (Block("a", "b", None, "wiring", 0), Block("b", "c", "W", "linear", 9))
    chain = from_matrices([np.eye(3), np.ones((3, 3))])
    graph = NetGraph(chain.weights, None, layers, blocks)
    missing = [edges(graph) - edges(seen_by(graph, 0.02, seed)) for seed in range(450)]
    assert {len(x) for x in missing} == {1}
    counts = [missing.count({(i, j)}) for i in (3, 4, 5) for j in (6, 7, 8)]
    assert sum(counts) == 450
    assert chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("detector", [path_signature, sculpting])
def test_runs_are_those_of_the_network_without_an_edge(detector) -> None:
    """Brute force: every network with one edge less."""
    first = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1], [0, 0, 1, 1]])
    last = np.kron(np.eye(2), np.ones((2, 2)))
    graph = from_matrices([first, last])
    every = []
    for matrix, index in ((first, 0), (last, 1)):
        for place in zip(*np.nonzero(matrix), strict=True):
            matrices = [first.copy(), last.copy()]
            matrices[index][place] = 0
            every.append(detector(from_matrices(matrices)).labels.tolist())
    found = consensus(graph, perturbed(detector, left_out=1e-9), n_seeds=40, rng=0)
    runs = [run.labels.tolist() for run in found.runs]
    assert all(run in every for run in runs)
    assert len({tuple(run) for run in runs}) > len({tuple(run) for run in every}) / 2
    assert found.partition.labels.tolist() in runs
    assert found.stability < 1


def test_what_no_edge_decides_is_stable() -> None:
    graph, truth = planted([8, 8, 8, 8], 2, 1.0, 0.0, rng=0)
    found = consensus(graph, perturbed(path_signature), n_seeds=8, rng=0)
    assert found.stability == 1
    assert len(set(zip(found.partition.labels, truth.labels, strict=True))) == 2


@pytest.mark.parametrize("left_out", [0, 1, -0.1, float("nan")])
def test_the_share_is_checked(left_out: float) -> None:
    with pytest.raises(GraphError, match=f"left_out is {left_out}"):
        perturbed(path_signature, left_out=left_out)


def test_no_edges() -> None:
    graph = from_matrices([np.zeros((2, 3))])
    assert perturbed(path_signature)(graph, rng=0).labels.tolist() == [-1] * 5


def test_who_is_deterministic() -> None:
    assert {x for x in names("detectors") if is_deterministic(named("detectors", x))} == {
        "path_signature",
        "sculpting",
    }


def test_the_report_says_how_stability_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    graph, _ = planted([10, 10, 10], 2, 0.3, 0.2, rng=0)
    plan = netsculpt.AnalysisPlan(("layered", "path_signature"), n_nulls=0, n_seeds=4)
    result = netsculpt.analyze(graph, plan, rng=0)
    drawn, fixed = result.detected
    assert (drawn.is_deterministic, fixed.is_deterministic) == (False, True)
    assert fixed.stability < 1
    again = netsculpt.analyze(graph, plan, rng=0).detected[1]
    assert again.stability == fixed.stability
    print_report(result)
    text = " ".join(capsys.readouterr().out.split())
    assert text.count("each without 2% of the edges") == 1
    assert text.count("path_signature is deterministic") == 1
