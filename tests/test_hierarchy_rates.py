"""The analysis of hierarchies: its truth, its scores, and a small run of it."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "analyses"))

from hierarchy.circuits import CIRCUITS, COARSE, SCULPTED
from hierarchy.networks import compiled, sculpted
from hierarchy.scores import matched, precision_recall
from hierarchy_rates import QUICK, study

from netsculpt.graph.circuits import function_graph, parse_circuit


def test_there_are_enough_circuits() -> None:
    assert len(CIRCUITS) >= 20
    assert len(SCULPTED) >= 10
    assert not set(CIRCUITS) & set(COARSE)


def test_modules_are_matched_one_to_one() -> None:
    found, true = np.array([0, 0, 0, 1, 1, 2]), np.array([4, 4, 4, 4, 3, -1])
    assert matched(found, true) == {0: 4, 1: 3}


@pytest.mark.parametrize(
    ("found", "true", "scores"),
    [
        ([(0, 1)], [(7, 8)], (1, 1, 1)),
        ([(0, 1), (0, 2)], [(7, 8)], (0.5, 1, 2 / 3)),  # module 2 matches none
        ([(1, 0)], [(7, 8)], (0, 0, 0)),
        ([], [(7, 8)], (0, 0, 0)),
        ([(0, 1)], [], (0, 0, 0)),
        ([], [], (1, 1, 1)),
    ],
)
def test_scores_of_links(
    found: list[tuple[int, int]], true: list[tuple[int, int]], scores: tuple[float, ...]
) -> None:
    assert precision_recall(found, true, {0: 7, 1: 8}) == pytest.approx(scores)


def test_influence_in_a_compiled_circuit() -> None:
    """Of an "and": either input decides a quarter of the cases, half of them by its new value."""
    network = compiled("and", "f = a & b")
    np.testing.assert_allclose(network.influence, [[0.25], [0.25], [0.25]])


def test_sculpted_nets_compute_the_circuit() -> None:
    text = SCULPTED["reused-2"]()
    made = sculpted("reused-2", text, n_tried=10, n_networks=2)
    assert made.n_solved >= made.n_alike >= len(made.networks) == 2
    expected = function_graph(parse_circuit(text))
    for network in made.networks:
        named = {(network.functions[a], network.functions[b]) for a, b in network.edges}
        assert named == expected
        assert network.functions == ("shared", "one", "two")
        assert network.labels[network.graph.inputs].tolist() == [0, 0, 0, 0]
        assert network.labels[network.graph.outputs].tolist() == [1, 2, 1, 2]


@pytest.mark.slow
def test_a_small_run() -> None:
    done = study(replace(QUICK, coarse=(), tasks=(), n_strands=1, ordinary=())).run()
    rows = done.rows["networks"]
    assert {row["modules"] for row in rows if row["f1"] == 1} >= {"true"}
    assert all(row["f1"] == 1 for row in rows if row["modules"] == "true")
    divided = [
        row["f1"]
        for row in rows
        if row["task"] == "chain-3" and row["modules"].endswith("+ subfunctions")
    ]
    assert divided == [1, 1, 1, 1]
    (no_feeding, chain) = done.rows["planted"]
    assert (no_feeding["wrong"], chain["right"], chain["missed"]) == (0, 2, 0)
