"""Every plot: Axes in, Axes out; legible; the same input gives the same bytes."""

from __future__ import annotations

import hashlib
import inspect
import itertools
import os
import pkgutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from importlib import import_module
from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.text import Text
from scipy.sparse import csr_array

from netsculpt import plots
from netsculpt.compare import groups
from netsculpt.compare.pair import PairAnalysis, pair_outcome
from netsculpt.compare.reuse import match_by_units
from netsculpt.core.errors import FormatError, GraphError
from netsculpt.graph.graph import Block, Layer, NetGraph
from netsculpt.graph.partition import Partition
from netsculpt.graph.synthetic import planted
from netsculpt.hierarchy import Flow, Hierarchy, Link, Module, flow
from netsculpt.nulls import rewire
from netsculpt.nulls.significance import Significance
from netsculpt.plots.style import laid_out
from netsculpt.training.history import History, Point
from netsculpt.training.importance import Importance, PruningCurve
from netsculpt.training.importance.places import Places
from netsculpt.training.influence.circuits import Circuit
from netsculpt.training.search.plan import SearchPlan
from netsculpt.training.search.result import COLUMNS, Champion, Searched
from netsculpt.training.search.topology import Topology
from netsculpt.training.track import follow
from netsculpt.training.track.result import LayerPoint
from netsculpt.training.weight_agnostic.result import RULES, Estimate, WeightProfile, weight_grid

NAMES = ("$x_{in}^2$", "features.denseblock3.denselayer12.conv1", "größe_αβ", "logits")


def _net(widths=(8, 24, 24, 4), k=2, seed=0, names=None, skips=()) -> tuple[NetGraph, Partition]:
    rng = np.random.default_rng(seed)
    starts = np.concatenate([[0], np.cumsum(widths)])
    names = names or [f"fc{i}" for i in range(len(widths))]
    labels = rng.integers(0, k, starts[-1])
    pairs = [(i, i + 1) for i in range(len(widths) - 1)] + list(skips)
    dense = np.zeros((starts[-1], starts[-1]))
    for a, b in pairs:
        rows, columns = slice(starts[a], starts[a + 1]), slice(starts[b], starts[b + 1])
        chance = np.where(labels[rows, None] == labels[None, columns], 0.3, 0.02)
        dense[rows, columns] = (rng.random(chance.shape) < chance) * rng.normal(size=chance.shape)
    layers = tuple(
        Layer(
            names[i],
            "input" if i == 0 else "output" if i == len(widths) - 1 else "hidden",
            (widths[i],),
            int(starts[i]),
            int(starts[i + 1]),
        )
        for i in range(len(widths))
    )
    blocks = tuple(
        Block(names[a], names[b], f"{a}{b}", "linear", widths[a] * widths[b]) for a, b in pairs
    )
    return NetGraph(csr_array(dense), None, layers, blocks), Partition(labels)


def _hierarchy(n=6, seed=0, density=0.4) -> Hierarchy:
    rng = np.random.default_rng(seed)
    edges = np.triu(rng.gamma(1.0, size=(n, n)) * (rng.random((n, n)) < density), 1)
    level = np.zeros(n, dtype=np.int64)
    for a, b in zip(*np.nonzero(edges), strict=True):  # rows ascend, so sources are final
        level[b] = max(level[b], level[a] + 1)
    modules = tuple(
        Module(
            label=i,
            n_units=int(rng.integers(1, 200)),
            units_by_layer=(1,),
            level=int(level[i]),
            trophic_level=float(level[i]),
            reuse=int((edges[i] > 0).sum()),
            feeds=tuple(np.flatnonzero(edges[i]).tolist()),
            fed_by=tuple(np.flatnonzero(edges[:, i]).tolist()),
            inputs_seen=(0, 1, 2, 5),
            outputs_served=(50,),
            path_share=0.5,
        )
        for i in range(n)
    )
    same = tuple((i,) for i in range(n))
    return Hierarchy(Partition(np.arange(n)), modules, csr_array(edges), level, same, 1.0, 0.0)


def _significance(value=0.62, n=99) -> Significance:
    draws = np.random.default_rng(0).normal(0.3, 0.02, n)
    z = (value - draws.mean()) / draws.std()
    return Significance(value, draws.mean(), draws.std(), z, 1 / (n + 1), n, draws)


def _share(graph: NetGraph) -> np.ndarray:
    share = np.random.default_rng(0).gamma(0.2, size=graph.n_units)
    for layer in graph.layers:
        share[layer.units] /= share[layer.units].sum()
    share[layer.units.start] = 0.0
    return share


def _network(ax=None) -> Axes:
    graph, partition = _net(skips=[(0, 2)])
    return plots.network(graph, partition=partition, ax=ax)


def _adjacency(ax=None) -> Axes:
    graph, partition = _net()
    return plots.adjacency(graph, partition=partition, ax=ax)


def _path_profile(ax=None) -> Axes:
    graph, _ = _net((8, 100, 24, 4))
    return plots.path_profile(graph, _share(graph), ax=ax)


def _module_flow(ax=None) -> Axes:
    weight = np.random.default_rng(0).gamma(1.0, size=(6, 6))
    weight[3] = 0.0  # a module that sends nothing
    found = Flow(Partition(np.arange(6)), weight.astype(np.int64), weight, weight)
    links = [
        Link(a, b, 1, 1.0, 0.1, 0.5, 3.0, 3.0, 0.001, verdict, evidence)
        for a, b, verdict, evidence in (
            (0, 1, "above chance", "more than chance"),
            (1, 2, "feedback", "more than chance"),
            (2, 4, "chance", "no more than chance"),
            (0, 5, "no circle", "no more than chance"),
        )
    ]
    return plots.module_flow(found, links=links, ax=ax)


def _module_hierarchy(ax=None) -> Axes:
    return plots.module_hierarchy(_hierarchy(), ax=ax)


def _pair_weights(ax=None) -> Axes:
    matrix = np.random.default_rng(0).normal(size=(30, 4))
    return plots.pair_weights(matrix, output_names=["$a$", "b_c^d", "größe", "x" * 40], ax=ax)


def _null_distribution(ax=None) -> Axes:
    return plots.null_distribution(_significance(), label="$Q_x", ax=ax)


def _alluvial(ax=None) -> Axes:
    rng = np.random.default_rng(0)
    source = rng.integers(0, 9, 90)
    target = np.where(rng.random(90) < 0.7, source, rng.integers(0, 9, 90))
    layers = np.repeat([0, 1], 45)
    found = match_by_units(Partition(source), Partition(target), layers, n_draws=99, rng=0)
    names = ["$a_b^c", "größe", "x" * 40, *map(str, range(6))]
    return plots.alluvial(found, source_names=names, least_similarity=0.3, ax=ax)


def _lesion_map(ax=None) -> Axes:
    effect = np.abs(np.random.default_rng(0).normal(size=(6, 5)))
    effect[2, 3] = np.nan
    outputs = ["$a$", "b_c^d", "größe", "x" * 40, "and"]
    q = np.where(effect > 1, 0.01, 0.2)
    return plots.lesion_map(effect, q=q, output_names=outputs, ax=ax)


def _pair(ax=None) -> Axes:
    rng = np.random.default_rng(0)
    labels = np.arange(90) % 5
    dense, sparse, other = rng.normal(size=(3, 90, 5)) + 2 * np.eye(5)[labels]
    pairs = [pair_outcome(x, dense, labels, rng=0) for x in (sparse, other, other)]
    baselines = {"one-shot": pairs[1], "$other_pair" + "x" * 30: pairs[2]}
    return plots.pair(PairAnalysis(pairs[0], baselines, {}, None), ax=ax)


def _weight_profile(ax=None) -> Axes:
    weights = weight_grid()
    scores = np.random.default_rng(0).uniform(0.1, 0.9, size=(4, weights.size))
    scores[2, -1] = np.nan
    one = Estimate(0.95, 0.9, 0.97)
    profile = WeightProfile(
        "accuracy",
        tuple(RULES),
        weights,
        scores,
        np.stack([scores - 0.05, scores + 0.05], axis=-1),
        None,
        None,
        {},
        {"as it is": one},
        0.1,
        100,
        20,
    )
    return plots.weight_profile(profile, ax=ax)


def _searched() -> Searched:
    """A search of 30 generations whose networks grow by an edge in most of them."""
    rng = np.random.default_rng(0)

    def network(n_edges: int) -> Topology:
        indptr = np.array([0, *[0] * n_edges, n_edges], np.int32)
        sources = np.arange(n_edges, dtype=np.int32)
        return Topology(n_edges, 1, indptr, sources, np.zeros(n_edges + 1, np.int8))

    sizes = rng.integers(3, 30, 40)
    rewards = 20 * np.sqrt(sizes)[:, None] + rng.normal(0, 20, (40, 6))
    course = np.cumsum(rng.random(30))
    champions = [Champion(g, None, network(g + 2), np.full(6, 4.0 * g)) for g in (0, 9, 25)]  # type: ignore[arg-type]
    return Searched(
        SearchPlan(),
        tuple(champions),
        tuple(map(network, sizes)),
        rewards,
        np.column_stack([course + x for x in range(len(COLUMNS))]),
    )


def _search_front(ax=None) -> Axes:
    return plots.search_front(_searched(), ax=ax)


def _search_history(ax=None) -> Axes:
    return plots.search_history(_searched(), ax=ax)


def _ablation(ax=None) -> Axes:
    rng = np.random.default_rng(0)
    weights = rng.standard_normal(300)
    change = weights**2 * rng.lognormal(-5, 1, 300) * rng.choice([1, 1, -1, 0], 300)
    places = Places(
        ("fc1.weight", "fc_$2.weight"),
        np.repeat([0, 1], [200, 100]).astype(np.int32),
        np.concatenate([np.arange(200), np.arange(100)]),
        ((10, 20), (10, 10)),
    )
    both = {"train": change, "held_out": change[::-1]}
    found = Importance(places, weights, both, {}, {}, {}, {}, {}, {}, (), 0)
    return plots.ablation(found, ax=ax)


def _pruning_curves(ax=None) -> Axes:
    shares = np.arange(10) / 10
    falls = {"smallest": 1 - shares**6, "random": 1 - shares, "largest": (1 - shares) ** 6}
    curves = [
        PruningCurve("magnitude", order, tuple(shares), {}, {"held_out": values})
        for order, values in falls.items()
    ]
    return plots.pruning_curves(curves, ax=ax)


@cache
def _track(n_steps=12):
    graph, _ = planted([10, 10, 10], 5, 0.9, 0.1, rng=0)
    nulls = np.random.default_rng(0)
    steps = [(90 * step, rewire(graph, rng=nulls) if step else graph) for step in range(n_steps)]
    return follow(steps, n_nulls=2, rng=0)


def _module_history(ax=None):
    return plots.module_history(_track(), ax=ax)


def _track_lines(ax=None):
    return plots.track_lines(_track(), ["ami_before", "ami_last", "ami_rerun"], label="AMI", ax=ax)


def _track_layers(ax=None):
    return plots.track_layers(_track(), "n_live", ax=ax)


def _history(n_layers=3, n_steps=6) -> History:
    """A sculpting whose layers thin out, with rounds that are undone, and one layer cut off."""
    rng = np.random.default_rng(0)
    points = tuple(
        Point(n, "units", n % 4 == 3, n % 4 != 3, 0.7**n, *rng.uniform(0.01, 0.9, 4))
        for n in range(3 * n_steps)
    )
    deep = (f"stage{i // 4}.block{i % 4}.conv1" for i in range(n_layers))
    names = ("input", NAMES[0], NAMES[2], *deep)
    by_layer = [
        LayerPoint(3 * n, name, 100, 100 - 9 * n, 0.5**n * rng.random() if i else np.nan, 10)
        for n in range(n_steps)
        for i, name in enumerate(names[: n_layers + 1])
    ]
    by_layer[-1] = replace(by_layer[-1], n_live=0, density_in=0.0)
    return History("round", points, tuple(by_layer))


def _training_curves(ax=None):
    return plots.training_curves(_history(), "loss", ax=ax)


def _density_by_layer(ax=None):
    return plots.density_by_layer(_history(), ax=ax)


def _live_units_by_layer(ax=None):
    return plots.live_units_by_layer(_history(20), ax=ax)


def _accuracy_vs_density(ax=None):
    named = {name: _history() for name in ("$seed_1$", "x" * 40, "größe")}
    return plots.accuracy_vs_density(named, ax=ax)


def _weight_histogram(ax=None):
    return plots.weight_histogram(_net((30, 40, 40, 10), names=NAMES)[0], ax=ax)


def _degree_histogram(ax=None):
    return plots.degree_histogram(_net((200, 300, 30, 10))[0], ax=ax)


def _effect_sizes(ax=None):
    values = np.random.default_rng(0).normal(size=(10, 14))
    values[:5, :3] += [5, 20, -9]
    rows = [{f"a feature of index {i}": x for i, x in enumerate(row)} for row in values]
    return plots.effect_sizes(groups(rows[:5], rows[5:]), most=12, ax=ax)


def _circuit() -> Circuit:
    """Eight of 56 channels of one block, and the controls of each ablation."""
    places = ("attn_in", "q", "k", "v", "attn_out", "mlp_in", "mlp_neuron")
    kept = {
        f"transformer.h.0.{'mlp' if 'mlp' in name else 'attn'}.at.{name}": np.arange(8) < n
        for n, name in enumerate(places)
    }
    ablations = ("zero", "mean", "resample")
    loss, accuracy = (
        dict(zip(ablations, x, strict=True)) for x in ((0.4, 0.1, 0.6), (0.8, 1, 0.5))
    )
    random_accuracy = dict.fromkeys(ablations, (0.45, 0.5, 0.52))
    given = (kept, 12, 64, "learned", "mean", 0.15, True, 0.01, 0.99, loss, accuracy)
    control = Circuit(*given, random_accuracy, None)
    return Circuit(*given, random_accuracy, control)


def _circuit_places(ax=None) -> Axes:
    return plots.circuit_places(_circuit(), ax=ax)


def _circuit_ablations(ax=None) -> Axes:
    return plots.circuit_ablations(_circuit(), ax=ax)


DRAWN = {
    "ablation": _ablation,
    "accuracy_vs_density": _accuracy_vs_density,
    "adjacency": _adjacency,
    "alluvial": _alluvial,
    "circuit_ablations": _circuit_ablations,
    "circuit_places": _circuit_places,
    "degree_histogram": _degree_histogram,
    "density_by_layer": _density_by_layer,
    "effect_sizes": _effect_sizes,
    "lesion_map": _lesion_map,
    "live_units_by_layer": _live_units_by_layer,
    "module_flow": _module_flow,
    "module_hierarchy": _module_hierarchy,
    "module_history": _module_history,
    "network": _network,
    "null_distribution": _null_distribution,
    "pair": _pair,
    "pair_weights": _pair_weights,
    "path_profile": _path_profile,
    "pruning_curves": _pruning_curves,
    "search_front": _search_front,
    "search_history": _search_history,
    "track_layers": _track_layers,
    "track_lines": _track_lines,
    "training_curves": _training_curves,
    "weight_histogram": _weight_histogram,
    "weight_profile": _weight_profile,
}
each_plot = pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN.keys())


def _drawn_texts(ax: Axes) -> list[Text]:
    """All texts of the axes and its insets; of tick labels those within the limits."""
    texts = [*ax.texts, *(ax.get_legend().get_texts() if ax.get_legend() else [])]
    for axis in (ax.xaxis, ax.yaxis):
        low, high = sorted(axis.get_view_interval())
        ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
        texts += [axis.label, *(x.label1 for x in ticks if low <= x.get_loc() <= high)]
        texts += [x.label2 for x in ticks if low <= x.get_loc() <= high]
    return texts + [text for inset in ax.child_axes for text in _drawn_texts(inset)]


def _level_boxes(ax: Axes) -> list[tuple[str, np.ndarray]]:
    """Boxes of all level or upright texts, in pixels: (text, [x0, y0, x1, y1])."""
    ax.get_figure(root=True).draw_without_rendering()
    return [
        (text.get_text(), text.get_window_extent().extents)
        for text in _drawn_texts(ax)
        if text.get_visible() and text.get_text().strip() and text.get_rotation() % 90 == 0
    ]


def _assert_legible(ax: Axes) -> None:
    boxes = _level_boxes(ax)
    assert boxes
    width, height = ax.get_figure(root=True).bbox.size
    for text, (left, bottom, right, top) in boxes:
        assert left >= -0.5, text
        assert bottom >= -0.5, text
        assert right <= width + 0.5, text
        assert top <= height + 0.5, text
    for (one, a), (other, b) in combinations(boxes, 2):
        apart = a[2] <= b[0] + 1 or b[2] <= a[0] + 1 or a[3] <= b[1] + 1 or b[3] <= a[1] + 1
        assert apart, (one, other)


def test_file_name_is_function_name_with_ax_by_keyword():
    found = {info.name for info in pkgutil.iter_modules(plots.__path__) if not info.ispkg}
    assert found - {"style"} == DRAWN.keys()
    for name in DRAWN:
        function = getattr(import_module(f"netsculpt.plots.{name}"), name)
        assert getattr(plots, name) is function
        ax = inspect.signature(function).parameters["ax"]
        assert ax.kind is ax.KEYWORD_ONLY
        assert ax.default is None


@each_plot
def test_draws_into_the_given_axes_or_into_new_ones_and_changes_no_settings(draw):
    before = dict(mpl.rcParams)
    given = plots.figure("icml").add_subplot()
    assert draw(given) is given
    new = draw()
    assert isinstance(new, Axes)
    assert new is not given
    assert new.get_figure().axes == [new]
    new.get_figure().draw_without_rendering()
    assert dict(mpl.rcParams) == before


@each_plot
@pytest.mark.parametrize("width", ["neurips", "icml", "nature", "nature-double"])
def test_texts_lie_inside_and_apart(draw, width):
    with plots.paper(width):
        _assert_legible(draw(plots.figure(width, 0.6).add_subplot()))


@pytest.mark.parametrize("n_layers", [4, 20])
def test_the_verdict_finds_room_beside_all_other_texts(n_layers):
    """In small networks and deep ones, in a narrow column, beside a legend."""
    width, verdict = "icml", "unstable"  # the longest of all
    graph, partition = _net((60, 60, 60, 10) if n_layers == 4 else (12,) * n_layers, k=4)
    sure = np.random.default_rng(0).random(graph.n_units)
    hierarchy, links = _hierarchy(8), tuple(_links(8))
    drawings = (
        partial(plots.network, graph, partition=partition, confidence=sure, verdict=verdict),
        partial(plots.network, graph.magnitude, partition=partition, verdict=verdict),
        partial(plots.adjacency, graph, partition=partition, verdict=verdict),
        partial(plots.module_hierarchy, replace(hierarchy, links=links), verdict=verdict),
        partial(
            plots.module_flow, flow(graph.pattern, partition), links=links[:6], verdict=verdict
        ),
    )
    for draw in drawings:
        with plots.paper(width):
            ax = draw(ax=plots.figure(width, 0.7).add_subplot())
        _assert_legible(ax)
        assert any(text.get_text().startswith(verdict) for text in ax.texts)


def test_the_verdict_can_be_left_to_the_caption():
    verdict = "unstable"
    graph, partition = _net((12, 12, 6), k=3)
    sure = np.random.default_rng(0).random(graph.n_units)
    of_modules = (
        partial(plots.network, graph, partition=partition, confidence=sure, verdict=verdict),
        partial(plots.adjacency, graph, partition=partition, verdict=verdict),
        partial(plots.module_hierarchy, _hierarchy(4), verdict=verdict),
        partial(plots.module_flow, flow(graph.pattern, partition), verdict=verdict),
    )

    def drawn(draw, **style):
        with plots.paper("nature", **style):
            ax = draw(ax=plots.figure("nature", 0.8).add_subplot())
        frames = [(x.get_linestyle(), x.get_edgecolor()) for x in ax.patches]
        return " ".join(text.get_text() for text in ax.texts), frames

    for draw in of_modules:
        (words, frames), (without, same) = drawn(draw), drawn(draw, verdicts=False)
        assert verdict in words
        assert verdict not in without
        assert frames == same, "colours and outlines stay"
    assert verdict in drawn(of_modules[0])[0], "it is said again after the block"


def _links(n: int) -> Iterator[Link]:
    """Links of all kinds in turn, between n modules."""
    kinds = itertools.cycle(
        [
            ("above chance", "more than chance"),
            ("no circle", "no more than chance"),
            ("no circle", "untested"),
            ("chance", "no more than chance"),
            ("feedback", "more than chance"),
        ]
    )
    pairs = itertools.combinations(range(n), 2)
    for pair, (verdict, evidence) in zip(pairs, kinds, strict=False):
        ends = pair[::-1] if verdict == "feedback" else pair
        yield Link(*ends, 1, 1.0, 0.1, 0.5, 3.0, 3.0, 0.001, verdict, evidence)


@pytest.mark.parametrize("aspect", [0.5, 0.8, 1.2])
@pytest.mark.parametrize("width", ["neurips", "nature"])
@pytest.mark.parametrize("with_modules", [True, False])
def test_a_binned_adjacency_with_its_colour_bar_fits(width, aspect, with_modules):
    names = ["input", "hidden1", "hidden2", "hidden3", "output"]
    graph, partition = _net((78, 200, 150, 70, 2), k=8, names=names)
    with plots.paper(width):
        ax = plots.figure(width, aspect).add_subplot()
        _assert_legible(
            plots.adjacency(graph, partition=partition if with_modules else None, ax=ax)
        )
    assert ax.child_axes


@each_plot
def test_same_input_same_bytes_and_text_is_text(draw, tmp_path):
    suffixes = (".pdf", ".svg", ".png")
    for name in ("a", "b"):  # outside `paper`: writing alone must do it
        drawn = laid_out(draw(plots.figure("nature").add_subplot()).get_figure())
        for suffix in suffixes:
            plots.write_figure(drawn, tmp_path / f"{name}{suffix}")
    for suffix in suffixes:
        first, second = ((tmp_path / f"{name}{suffix}").read_bytes() for name in ("a", "b"))
        assert len(first) > 1000
        assert first == second
    pdf, svg = (tmp_path / "a.pdf").read_bytes(), (tmp_path / "a.svg").read_text()
    assert b"/FontFile2" in pdf
    assert b"/CIDFontType2" in pdf  # what PDF calls an embedded TrueType font (Type 42)
    assert b"/Type3" not in pdf
    assert b"CreationDate" not in pdf
    assert "<text" in svg
    assert "<dc:date>" not in svg


def test_same_bytes_in_another_process_and_no_heavy_imports(tmp_path):
    code = (
        "import hashlib, sys, numpy as np\n"
        "from netsculpt import plots\n"
        "from netsculpt.graph.matrices import from_matrices\n"
        "from netsculpt.graph.partition import Partition\n"
        "rng = np.random.default_rng(0)\n"
        "graph = from_matrices([rng.normal(size=(6, 4)), rng.normal(size=(3, 6))])\n"
        "with plots.paper():\n"
        "    ax = plots.network(graph, partition=Partition(np.arange(13) % 3))\n"
        "for kind in ('pdf', 'svg', 'png'):\n"
        "    plots.write_figure(ax.get_figure(), sys.argv[1] + '.' + kind)\n"
        "    print(hashlib.sha256(open(sys.argv[1] + '.' + kind, 'rb').read()).hexdigest())\n"
        "heavy = {'matplotlib.pyplot', 'torch', 'igraph', 'pandas', 'networkx'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    said = [
        subprocess.run(
            [sys.executable, "-W", "error", "-c", code, str(tmp_path / f"net{seed}")],
            env=os.environ | {"PYTHONHASHSEED": seed, "SOURCE_DATE_EPOCH": f"{int(seed) * 10**6}"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert said[0] == said[1]
    assert len(set(said[0].split())) == 3


def test_column_widths():
    for width, inches in {
        "neurips": 5.5,
        "icml": 3.25,
        "nature": 89 / 25.4,
        "nature-double": 183 / 25.4,
    }.items():
        assert plots.figure(width, 0.3).get_size_inches() == pytest.approx([inches, 0.3 * inches])
        with plots.paper(width):
            assert mpl.rcParams["figure.figsize"][0] == pytest.approx(inches)
            assert mpl.rcParams["pdf.fonttype"] == 42
            assert mpl.rcParams["font.family"] == ["DejaVu Sans"]
            assert 7 <= mpl.rcParams["font.size"] <= 8


def test_paper_gives_settings_back_and_ignores_the_users_own():
    with mpl.rc_context({"font.size": 23.0, "axes.grid": True}):
        with plots.paper("icml"):
            assert mpl.rcParams["axes.grid"] is False
            assert mpl.rcParams["font.size"] == 7.0
        assert mpl.rcParams["font.size"] == 23.0
        assert mpl.rcParams["axes.grid"] is True


def test_unknown_width_and_file_kind(tmp_path):
    with pytest.raises(ValueError, match="width is 'a4': one of 'neurips'"):
        plots.figure("a4")
    with pytest.raises(FormatError, match=r"ends in '\.jpg': \.pdf, \.svg or \.png"):
        plots.write_figure(plots.figure(), tmp_path / "a.jpg")
    assert not list(tmp_path.iterdir())


def test_written_size_is_the_column_whatever_the_users_settings(tmp_path):
    with mpl.rc_context({"savefig.bbox": "tight"}):
        ax = _network(plots.figure("icml", 0.5).add_subplot())
        plots.write_figure(ax.get_figure(), tmp_path / "a.png")
    header = (tmp_path / "a.png").read_bytes()[16:24]
    assert int.from_bytes(header[:4]) == 975  # 3.25 in at 300 dots per inch


@pytest.mark.parametrize("width", ["neurips", "icml"])
def test_hostile_layer_names_are_written_as_they_are(width):
    graph, partition = _net((4, 12, 12, 4), names=NAMES)
    with plots.paper(width):
        ax = plots.network(graph, partition=partition, ax=plots.figure(width).add_subplot())
        _assert_legible(ax)
    said = "".join(text.get_text() for text in ax.get_xticklabels())
    assert "$x_{in}^2$" in said
    assert "conv1" in said
    assert not any(text.get_parse_math() for text in ax.get_xticklabels())


@pytest.mark.parametrize("n_layers", [1, 2, 9, 60])
@pytest.mark.parametrize("width", ["neurips", "icml"])
def test_labels_of_many_layers_are_thinned_not_overlapping(n_layers, width):
    graph, partition = _net((3,) * n_layers, names=[f"block{i}.conv" for i in range(n_layers)])
    with plots.paper(width):
        figure = plots.figure(width, 1.2)
        upper, lower = figure.subplots(2)
        plots.network(graph, partition=partition, ax=upper)
        plots.path_profile(graph, np.full(graph.n_units, 1 / 3), ax=lower)
        _assert_legible(upper)


def test_a_partition_of_another_graph_is_refused():
    graph, _ = _net()
    for plot in (plots.network, plots.adjacency):
        with pytest.raises(GraphError, match="3 labels, the graph 60 units"):
            plot(graph, partition=Partition([0, 1, 0]))
    with pytest.raises(GraphError, match=r"path_share has shape \[3\]: \[60\] is needed"):
        plots.path_profile(graph, [0.1, 0.2, 0.7])


def test_a_graph_without_units_is_refused():
    empty = NetGraph(csr_array((0, 0)), None, (), ())
    for plot in (plots.network, plots.adjacency):
        with pytest.raises(GraphError, match="no units"):
            plot(empty)


@pytest.mark.parametrize("labels", [None, [-1, -1, -1], [0, 1, -1]])
def test_no_edges_and_empty_layers(labels):
    layers = (
        Layer("in", "input", (0,), 0, 0),
        Layer("h", "hidden", (3,), 0, 3),
        Layer("out", "output", (0,), 3, 3),
    )
    graph = NetGraph(csr_array((3, 3)), None, layers, ())
    partition = None if labels is None else Partition(labels)
    for plot in (plots.network, plots.adjacency):
        plot(graph, partition=partition).get_figure().draw_without_rendering()
    plots.path_profile(graph, np.zeros(3)).get_figure().draw_without_rendering()


def test_a_hundred_thousand_edges():
    rng = np.random.default_rng(0)
    widths, names = (400, 400, 10), ("a", "b", "c")
    starts = np.concatenate([[0], np.cumsum(widths)])
    dense = np.zeros((810, 810), dtype=np.float32)
    dense[:400, 400:800] = rng.normal(size=(400, 400)) * (rng.random((400, 400)) < 0.7)
    dense[400:800, 800:] = rng.normal(size=(400, 10))
    layers = tuple(
        Layer(names[i], "hidden", (widths[i],), int(starts[i]), int(starts[i + 1]))
        for i in range(3)
    )
    blocks = (Block("a", "b", "W1", "linear", 160_000), Block("b", "c", "W2", "linear", 4000))
    graph = NetGraph(csr_array(dense), None, layers, blocks)
    assert graph.n_edges > 10**5
    partition = Partition(np.arange(810) % 9)
    ax = plots.network(graph, partition=partition)
    ax.get_figure().draw_without_rendering()
    assert f"showing 100,000 of {graph.n_edges:,} edges" in [text.get_text() for text in ax.texts]
    plots.adjacency(graph, partition=partition).get_figure().draw_without_rendering()


def test_bytes_do_not_depend_on_what_was_drawn_before(tmp_path: Path):
    def written(draw: Callable[..., Axes]) -> str:
        with plots.paper():
            ax = draw(plots.figure().add_subplot())
        plots.write_figure(ax.get_figure(), tmp_path / "a.svg")
        return hashlib.sha256((tmp_path / "a.svg").read_bytes()).hexdigest()

    alone = written(_network)
    written(_module_hierarchy)
    assert written(_network) == alone


def test_pyplot_shows_new_figures_where_it_can(tmp_path: Path) -> None:
    """As in a notebook: with a backend that shows figures; not with one that only writes files."""
    tmp_path.joinpath("shown.py").write_text(
        "from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas\n"
    )
    code = (
        "from matplotlib import pyplot\n"
        "import netsculpt as ns\n"
        "graph, _ = ns.planted([4, 4], 2, 1.0, 0.0, rng=0)\n"
        "ns.plots.network(graph)\n"
        "print(len(pyplot.get_fignums()))\n"
    )
    for backend, n_figures in (("module://shown", "1"), ("agg", "0")):
        environment = {**os.environ, "MPLBACKEND": backend, "PYTHONPATH": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stdout.strip(), done.stderr) == (n_figures, "")
