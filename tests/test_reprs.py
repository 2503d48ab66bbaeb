"""Results as a notebook or a prompt shows them: short, and true."""

from __future__ import annotations

import re

import numpy as np

import netsculpt as ns
from netsculpt.training import task


def test_results_are_one_short_line_each() -> None:
    graph, truth = ns.planted([6, 6, 4], 2, 0.9, 0.1, rng=0)
    found = ns.analyze(graph, ns.AnalysisPlan(n_nulls=2), rng=0)
    chance = ns.significance(
        lambda g: ns.modules.quality(g, truth), graph, null=ns.nulls.rewire, n=3
    )
    tree = ns.hierarchy.infer(graph, truth)
    shown = [*map(repr, (graph, truth, found, chance, tree, task("digits", rng=0)))]
    assert max(map(len, shown)) < 160
    assert not any("array(" in text or "tensor(" in text for text in shown)
    assert f"z = {chance.z:.3g}" in shown[3]
    assert "1438 samples of 64 inputs, 359 held out" in shown[5]


def test_notebooks_get_tables_with_names_escaped() -> None:
    matrices = [np.ones((2, 3)), np.ones((1, 2))]
    graph = ns.from_matrices(matrices, names=["<b>in</b>", "hidden", "out"])
    assert "&lt;b&gt;in&lt;/b&gt;" in graph._repr_html_()
    found = ns.analyze(graph, ns.AnalysisPlan(n_nulls=0), rng=0)
    assert "verdict" in found._repr_html_()
    assert "<table" in ns.hierarchy.infer(graph, found.detected[0].partition)._repr_html_()


def test_the_table_of_layers_counts_every_edge_once() -> None:
    graph, _ = ns.planted([8, 7, 6, 5], 2, 0.7, 0.2, rng=1)
    cells = re.findall("<td>(.*?)</td>", graph._repr_html_())
    rows = [cells[start : start + 5] for start in range(0, len(cells), 5)]
    assert sum(int(row[3]) for row in rows) == graph.n_edges
    assert [int(row[2]) for row in rows] == [8, 7, 6, 5]
    assert [row[4] for row in rows[1:]] == [layer.name for layer in graph.layers[:-1]]
