"""Edges of large networks as bundles from module to module."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from page_data import data_of

import netsculpt
from netsculpt.core.figure_style import NO_FIGURES
from netsculpt.graph.graph import live_units
from netsculpt.report.folder import write_analysis
from netsculpt.report.html import bundles as bundling
from netsculpt.report.html import page as pages
from netsculpt.report.html.bundles import bundles
from netsculpt.report.html.drawn import drawn


@pytest.fixture(scope="module")
def graph() -> netsculpt.NetGraph:
    graph = netsculpt.planted([16, 20, 16, 6], 3, 0.3, 0.05, rng=0)[0]
    assert not live_units(graph).all()
    return graph


@pytest.mark.parametrize("few", [False, True])
def test_bundles_are_the_sums_of_their_edges(
    graph: netsculpt.NetGraph, few: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundling, "_SLICE", 7 if few else 1 << 20)
    labels = np.random.default_rng(0).integers(-1, 3, graph.n_units)
    picture = drawn(graph, labels, np.ones(graph.n_units), most_edges=20)
    found, boxes, live = bundles(graph, picture, labels), picture.boxes, live_units(graph)
    wanted: dict[tuple[int, ...], list[float]] = defaultdict(list)
    ends = zip(graph.sources.tolist(), graph.weights.indices.tolist(), strict=True)
    layer = graph.layer_of  # a chain: its columns are its layers
    for (u, v), weight in zip(ends, graph.weights.data.tolist(), strict=True):
        if live[u] and live[v]:
            wanted[layer[u], labels[u], layer[v], labels[v]].append(weight)
    assert found.n_bundles == found.source.size == len(wanted)
    for at in range(found.source.size):
        a, b = found.source[at], found.target[at]
        key = (boxes.column[a], boxes.label[a], boxes.column[b], boxes.label[b])
        weights = np.array(wanted[key])
        assert found.n_edges[at] == weights.size
        assert found.weight[at] == pytest.approx(np.abs(weights).sum())
        lost = -weights[weights < 0].sum()
        assert found.negative[at] == pytest.approx(lost / np.abs(weights).sum())
        n_pairs = [
            np.sum(live & (layer == column) & (labels == label))
            for column, label in (key[:2], key[2:])
        ]
        assert found.density[at] == pytest.approx(weights.size / np.prod(n_pairs))
    assert (np.diff(found.density) >= 0).all()


def test_boxes_hold_their_units(graph: netsculpt.NetGraph) -> None:
    labels = np.random.default_rng(1).integers(-1, 3, graph.n_units)
    picture = drawn(graph, labels, np.ones(graph.n_units))
    boxes = picture.boxes
    for box in range(boxes.column.size):
        inside = (graph.layer_of[picture.unit] == boxes.column[box]) & (
            labels[picture.unit] == boxes.label[box]
        )
        assert inside.any()
        assert (picture.y[inside] >= boxes.low[box] - 0.01).all()
        assert (picture.y[inside] <= boxes.high[box] + 0.01).all()
        assert (picture.x[inside] >= boxes.left[box] - 0.01).all()
        assert (picture.x[inside] <= boxes.right[box] + 0.01).all()


def test_only_the_densest_bundles_of_many_are_drawn(
    graph: netsculpt.NetGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = np.random.default_rng(0).integers(-1, 3, graph.n_units)
    picture = drawn(graph, labels, np.ones(graph.n_units))
    whole = bundles(graph, picture, labels)
    monkeypatch.setattr(bundling, "MOST_BUNDLES", 5)
    less = bundles(graph, picture, labels)
    assert less.n_bundles == whole.n_bundles
    np.testing.assert_array_equal(less.density, whole.density[-5:])


def test_the_page_of_a_large_network_has_bundles_and_the_strongest_edges(
    graph: netsculpt.NetGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MOST_EDGES", 60)
    monkeypatch.setattr(pages, "_STRONGEST", 30)
    plan = netsculpt.AnalysisPlan(n_nulls=0, n_seeds=0)
    write_analysis(netsculpt.analyze(graph, plan, rng=0), tmp_path / "out", figures=NO_FIGURES)
    about, arrays = data_of(tmp_path / "out" / "report.html")
    live = graph.live()
    assert arrays["bundle_n_edges"].sum() == live.n_edges
    assert about["totals"]["live_edges"] == live.n_edges
    assert 30 <= about["totals"]["drawn_edges"] == arrays["weight"].size <= 33
    assert about["totals"]["bundles"] == arrays["bundle_source"].size
