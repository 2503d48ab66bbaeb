"""Layers side by side share a column of the drawing; nothing else about the graph changes."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from scipy.sparse import csr_array

from netsculpt import plots
from netsculpt.graph.graph import WIRING, Block, Layer, NetGraph
from netsculpt.graph.matrices import from_matrices
from netsculpt.graph.partition import Partition
from netsculpt.graph.synthetic import planted
from netsculpt.hierarchy.result import Hierarchy, Module
from netsculpt.plots._drawing.colours import WIRE
from netsculpt.plots._drawing.layer_names import layer_names, write_names
from netsculpt.plots.layouts.columns import in_columns
from netsculpt.plots.layouts.stages import stages
from netsculpt.plots.style import Width


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


def test_stages_are_bracketed_where_names_of_layers_do_not_fit() -> None:
    names = [
        "input",
        *(f"b{i}.{part}" for i in range(6) for part in ("conv1", "conv2", "add")),
        "fc",
    ]
    layers = [Layer(name, "hidden", (2,), 2 * i, 2 * i + 2) for i, name in enumerate(names)]
    ax = Figure(figsize=(3.5, 2)).add_subplot()
    ax.set_xlim(-0.5, len(layers) - 0.5)
    named = layer_names(ax, layers)
    assert named.texts == ("input", *(f"b{i}" for i in range(6)), "fc")
    brackets = [line for line in ax.lines if line.get_gid() == "bracket"]
    spans = [tuple(line.get_xdata()) for line in brackets]
    assert spans == [(3 * i + 1, 3 * i + 3) for i in range(6)]
    write_names(ax, named, 10 * np.arange(len(layers)))
    brackets = [line for line in ax.lines if line.get_gid() == "bracket"]
    assert [tuple(line.get_xdata()) for line in brackets] == [(10 * a, 10 * b) for a, b in spans]
    renderer = FigureCanvasAgg(ax.figure).get_renderer()
    ax.set_xlim(-5, 10 * len(layers) - 5)
    ax.figure.draw_without_rendering()
    boxes = [tick.label1.get_window_extent(renderer) for tick in ax.xaxis.get_major_ticks()]
    assert not any(a.overlaps(b) for a, b in pairwise(boxes))


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["input", "fc1", "fc2"], ["input", "fc1", "fc2"]),
        (["t.wte", *(f"t.h.{i}.{x}" for i in range(3) for x in "ab"), "head"], None),
        ([], []),
        (["a.b", "a.b", "a.b"], ["a"]),
    ],
)
def test_stages_cover_the_layers_once_and_in_order(
    names: list[str], found: list[str] | None
) -> None:
    grouped = stages(names)
    assert [i for stage in grouped for i in range(stage.first, stage.stop)] == [*range(len(names))]
    assert all(len(stage.inner) == stage.stop - stage.first for stage in grouped)
    wanted = ["wte", "h.0", "h.1", "h.2", "head"] if found is None else found
    assert [stage.name for stage in grouped] == wanted


def test_columns_of_several_layers_keep_all_names() -> None:
    names = ["input", "l.0.conv1, downsample", "l.0.conv2", "l.1.conv1", "l.1.conv2", "fc"]
    inner = {stage.name: stage.inner for stage in stages(names)}
    assert inner["l.0"] == ("conv1, downsample", "conv2")


def test_layers_are_named_above_their_brackets_where_there_is_room() -> None:
    parts = ("conv1, downsample.0", "conv2", "add")
    names = ["input", *(f"layer{i}.0.{part}" for i in range(3) for part in parts), "fc"]
    layers = [Layer(name, "hidden", (2,), 2 * i, 2 * i + 2) for i, name in enumerate(names)]
    ax = Figure(figsize=(3.5, 2)).add_subplot()
    ax.set_xlim(-0.5, len(layers) - 0.5)
    layer_names(ax, layers)
    inner = [text for text in ax.texts if text.get_gid() == "inner"]
    assert [text.get_text() for text in inner[:2]] == ["input", "conv1, …"]
    assert [text.get_text() for text in inner[2:4]] == ["conv2", "add"]
    assert [x.get_text() for x in ax.get_xticklabels()] == ["layer0", "layer1", "layer2"]
    renderer = FigureCanvasAgg(ax.figure).get_renderer()
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent(renderer) for text in inner]
    boxes += [tick.label1.get_window_extent(renderer) for tick in ax.xaxis.get_major_ticks()]
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))


def _separators(ax: Axes) -> list[LineCollection]:
    """The lines between layers inside modules: LineCollections that are not of hlines, vlines."""
    return [x for x in ax.collections if len(x.get_segments()) > 0 and x.get_alpha() is None]


@pytest.mark.parametrize(("n_layers", "separated"), [(4, True), (60, False)])
def test_layers_of_modules_are_separated_unless_lines_would_fill_the_boxes(
    n_layers: int, separated: bool
) -> None:
    graph = planted([4] * n_layers, 2, 0.9, 0.05, rng=0)[0]
    truth = Partition(np.tile([0, 0, 1, 1], n_layers))
    ax = plots.adjacency(graph, partition=truth, ax=plots.figure("nature", 1.0).add_subplot())
    assert bool(_separators(ax)) == separated


def test_a_deep_adjacency_matrix_names_stages() -> None:
    names = ["input", *(f"b{i}.{part}" for i in range(6) for part in "abc"), "fc"]
    layers = dict.fromkeys(names, ("hidden", 3))
    layers |= {"input": ("input", 3), "fc": ("output", 3)}
    graph = built(layers, dict.fromkeys(pairwise(names), "linear"))
    ax = plots.adjacency(graph)
    named = zip((x.get_text() for x in ax.get_yticklabels()), ax.get_yticks(), strict=True)
    middles = {f"b{i}": 7.5 + 9 * i for i in range(6)}
    assert dict(named) == {"input": 1.5, **middles, "fc": 58.5}


@pytest.mark.parametrize(("width", "hidden"), [("nature", ["hidden1"]), ("nature-double", None)])
def test_layers_inside_modules_are_named_below_the_matrix(
    width: Width, hidden: list[str] | None
) -> None:
    graph, truth = planted([784, 300, 100, 10], 5, 0.06, 0.01, rng=0)
    with plots.paper(width):
        ax = plots.adjacency(graph, partition=truth, ax=plots.figure(width, 1.0).add_subplot())
    below = [x.get_text() for x in ax.get_xticklabels()]
    assert below == 5 * ["input", *(hidden or ["hidden1", "hidden2"])]
    layer = graph.layer_of[np.lexsort((graph.layer_of, truth.labels))]
    brackets = [line.get_xdata() for line in ax.lines if line.get_gid() == "bracket"]
    for name, (start, stop) in zip(below, brackets, strict=True):
        inside = {graph.layers[i].name for i in layer[round(start) : round(stop)]}
        assert inside == {name}
    ax.get_figure().draw_without_rendering()
    bottom = ax.get_window_extent().y0
    assert all(x.get_window_extent().y1 < bottom for x in ax.get_xticklabels())


@pytest.mark.parametrize(
    ("width", "named"), [("nature", set()), ("nature-double", {"layer1", "layer2"})]
)
def test_where_layers_of_modules_are_too_many_stages_are_named_or_nothing(
    width: Width, named: set[str]
) -> None:
    names = ["input", *(f"layer{i // 8}.{i}.{part}" for i in range(8, 24) for part in "ab"), "fc"]
    layers = dict.fromkeys(names, ("hidden", 48)) | {"fc": ("output", 48)}
    layers["input"] = ("input", 48)
    graph = built(layers, dict.fromkeys(pairwise(names), "linear"))
    truth = Partition(np.tile(np.repeat(np.arange(16), 3), len(names)))
    with plots.paper(width):
        ax = plots.adjacency(graph, partition=truth, ax=plots.figure(width, 1.0).add_subplot())
    assert {x.get_text() for x in ax.get_xticklabels()} == named
    assert bool(ax.lines) == bool(named)


def test_no_layer_vanishes_because_another_has_larger_weights() -> None:
    small, large = np.array([[1.0, -0.5], [0.25, 1.0]]), 1000 * np.array([[1.0, -0.5], [0.25, 1.0]])
    lines = plots.network(from_matrices([small, large])).collections[0]
    widths, alphas = lines.get_linewidths(), lines.get_colors()[:, 3]
    assert np.unique(widths).size == 3
    for drawn in (widths, alphas):  # each edge's twin is as strong
        assert np.allclose(np.sort(drawn)[::2], np.sort(drawn)[1::2])


def test_hollow_units_are_explained_and_dropped_ones_counted() -> None:
    graph = from_matrices([np.array([[1.0, 1.0], [0.0, 0.0]]), np.array([[1.0, 1.0]])])

    def legend(ax: Axes) -> list[str]:
        found = ax.get_legend()
        return [] if found is None else [text.get_text() for text in found.get_texts()]

    assert legend(plots.network(graph)) == ["dead"]
    assert legend(plots.network(graph, partition=Partition([0, 0, 0, -1, 0]))) == ["dead"]
    assert legend(plots.network(graph, partition=Partition([0, 0, -1, -1, 0]))) == ["no module"]
    ax = plots.network(graph.live())
    assert legend(ax) == []
    assert "not drawn: 1 dead unit" in [text.get_text() for text in ax.texts]


@pytest.mark.parametrize(("n_layers", "lines"), [(6, 6), (60, 1)])
def test_counts_of_what_is_not_shown_do_not_lie_on_each_other(n_layers: int, lines: int) -> None:
    graph = planted([4] * n_layers, 2, 0.9, 0.5, rng=0)[0]
    share = np.tile([1.0, 0.5, 0.001, 0.0], n_layers)
    ax = plots.path_profile(graph, share, ax=plots.figure("nature").add_subplot())
    assert len(ax.texts) == lines
    if lines == 1:
        assert ax.texts[0].get_text() == "60 units at 0 in 60 layers"


def test_heads_of_arrows_into_one_module_do_not_overlap() -> None:
    n, last = 13, 12
    edges = np.zeros((n, n))
    edges[:last, last] = np.arange(1.0, n)
    modules = tuple(
        Module(i, 4, (2, 2), int(i == last), 0.0, 1, (), (), (0,), (1,), 0.5) for i in range(n)
    )
    level = np.array([0] * last + [1])
    parts = Partition(np.arange(n))
    hierarchy = Hierarchy(parts, modules, csr_array(edges), level, (), 1.0, 0.0)
    ax = plots.module_hierarchy(hierarchy, ax=plots.figure("nature", 0.6).add_subplot())
    heads = [x.get_xy() for x in ax.patches if isinstance(x, Polygon)]
    assert len(heads) == last
    spans = sorted((xy[:, 1].min(), xy[:, 1].max()) for xy in heads)
    assert all(before[1] <= after[0] + 1e-9 for before, after in pairwise(spans))


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_the_colour_bar_has_two_numbers_at_least(share: float) -> None:
    rng = np.random.default_rng(0)
    block = rng.permuted(np.arange(3600) < share * 3600).reshape(60, 60)
    ax = plots.adjacency(from_matrices([np.kron(np.ones((6, 6)), block)]))
    (bar,) = ax.child_axes
    low, high = ax.images[0].get_clim()
    shown = [x for x in bar.get_yticks() if low <= x <= high]
    assert len(shown) > 1
