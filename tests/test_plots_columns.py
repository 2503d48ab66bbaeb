"""Layers side by side share a column of the drawing; nothing else about the graph changes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from netsculpt import plots
from netsculpt.graph.graph import WIRING, Block, Layer, NetGraph
from netsculpt.graph.synthetic import planted
from netsculpt.plots._drawing.colours import WIRE
from netsculpt.plots.layouts.columns import in_columns


def built(layers: dict[str, tuple[str, int]], blocks: dict[tuple[str, str], str]) -> NetGraph:
    """A graph with a random half of the edges of every block."""
    rng = np.random.default_rng(0)
    stops = np.cumsum([0, *(n for _, n in layers.values())]).tolist()
    made = {
        name: Layer(name, role, (n,), start, start + n)
        for (name, (role, n)), start in zip(layers.items(), stops, strict=False)
    }
    dense = np.zeros((stops[-1], stops[-1]))
    for source, target in blocks:
        part = (made[source].units, made[target].units)
        dense[part] = rng.normal(size=dense[part].shape) * (rng.random(dense[part].shape) < 0.5)
    declared = tuple(
        Block(a, b, None, kind, 0 if kind == WIRING else 9) for (a, b), kind in blocks.items()
    )
    return NetGraph(csr_array(dense), None, tuple(made.values()), declared)


@pytest.fixture
def residual() -> NetGraph:
    return built(
        {
            "input": ("input", 3),
            "block.short": ("hidden", 2),
            "block.one": ("hidden", 4),
            "state": ("state", 1),
            "block.two": ("hidden", 2),
            "sum": ("output", 2),
        },
        {
            ("input", "block.short"): "linear",
            ("input", "block.one"): "linear",
            ("block.one", "block.two"): "linear",
            ("block.short", "sum"): WIRING,
            ("state", "sum"): "linear",
            ("block.two", "sum"): WIRING,
        },
    )


def test_parallel_layers_share_a_column(residual):
    columns = in_columns(residual).graph
    assert [(layer.name, layer.n_units) for layer in columns.layers] == [
        ("input", 3),
        ("block.short, one", 6),
        ("state, block.two", 3),  # a state stands right before what it feeds
        ("sum", 2),
    ]


def test_edges_stay_what_they_are(residual):
    found = in_columns(residual)
    assert sorted(found.unit) == list(range(residual.n_units))
    back = np.zeros((residual.n_units, residual.n_units))
    back[np.ix_(found.unit, found.unit)] = found.graph.weights.toarray()
    np.testing.assert_array_equal(back, residual.weights.toarray())
    wired = np.zeros_like(back, dtype=bool)
    wired[found.unit[found.graph.sources], found.unit[found.graph.weights.indices]] = found.wiring
    expected = np.zeros_like(wired)
    for block in residual.blocks:
        if block.kind == WIRING:
            a, b = residual.layer(block.source).units, residual.layer(block.target).units
            expected[a, b] = residual.weights.toarray()[a, b] != 0
    np.testing.assert_array_equal(wired, expected)
    assert wired.any()


@pytest.mark.parametrize("skips", [0.0, 0.5])
def test_chains_stay_as_they_are(skips):
    graph, _ = planted([5, 6, 7, 4], 2, 0.5, 0.1, skips=skips, rng=0)
    found = in_columns(graph)
    assert found.graph is graph
    np.testing.assert_array_equal(found.unit, np.arange(graph.n_units))
    assert not found.wiring.any()


def test_layers_without_blocks_have_columns_of_their_own():
    graph = built({"a": ("input", 2), "b": ("hidden", 2), "c": ("output", 1)}, {})
    assert in_columns(graph).graph is graph


def test_layers_of_a_column_are_drawn_apart_and_wiring_is_pale(residual):
    ax = plots.network(residual)
    (units,) = [x for x in ax.collections if x.get_gid() == "units"]
    place = np.asarray(units.get_offsets())
    unit = in_columns(residual).unit
    y = np.empty(residual.n_units)
    y[unit] = place[:, 1]
    short, one = residual.layer("block.short").units, residual.layer("block.one").units
    assert y[short].max() < y[one].min() or y[one].max() < y[short].min()
    (legend,) = [ax.get_legend()]
    drawn = {
        x.get_text(): line for x, line in zip(legend.get_texts(), legend.get_lines(), strict=True)
    }
    assert drawn["wiring"].get_color() == WIRE
