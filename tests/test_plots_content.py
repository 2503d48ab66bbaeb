"""What the plots show: counted and compared with the data they were given."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.collections import EllipseCollection, LineCollection, PolyCollection, QuadMesh
from matplotlib.colors import to_rgb
from matplotlib.patches import FancyBboxPatch, PathPatch, Rectangle
from scipy.sparse import csr_array

from netsculpt import plots
from netsculpt.core.errors import GraphError
from netsculpt.graph.graph import Block, Layer, NetGraph
from netsculpt.graph.matrices import from_matrices
from netsculpt.graph.partition import Partition
from netsculpt.hierarchy import Hierarchy, Module, infer
from netsculpt.modules.verdict import IN_SHORT
from netsculpt.nulls.significance import Significance
from netsculpt.plots._drawing import edges as drawn_edges
from netsculpt.plots._drawing.colours import (
    MODULE_PALETTE,
    NEGATIVE,
    POSITIVE,
    UNSIGNED,
    module_colours,
    rings,
)
from netsculpt.plots._drawing.density import density

MUTED = ("weak", "unstable", "chance", "untested")


def _net(widths=(6, 12, 12, 4), density=0.3, seed=0) -> NetGraph:
    rng = np.random.default_rng(seed)
    return from_matrices(
        [
            rng.normal(size=(n_out, n_in)) * (rng.random((n_out, n_in)) < density)
            for n_in, n_out in pairwise(widths)
        ]
    )


def _with_skip() -> NetGraph:
    layers = tuple(Layer(x, "hidden", (2,), 2 * i, 2 * i + 2) for i, x in enumerate("abc"))
    dense = np.zeros((6, 6))
    dense[0, 2] = dense[2, 4] = dense[0, 4] = dense[1, 5] = 1.0
    blocks = tuple(Block(a, b, None, "linear", 4) for a, b in ("ab", "bc", "ac"))
    return NetGraph(csr_array(dense), None, layers, blocks)


def _only(ax, kind):
    (found,) = [x for x in (*ax.collections, *ax.patches) if type(x) is kind]
    return found


def _hierarchy(edges, n_units, seen=(), served=()) -> Hierarchy:
    edges = np.array(edges, dtype=float)
    n = len(n_units)
    level = np.zeros(n, dtype=np.int64)
    for a, b in zip(*np.nonzero(edges), strict=True):
        level[b] = max(level[b], level[a] + 1)
    modules = tuple(
        Module(
            label=i,
            n_units=n_units[i],
            units_by_layer=(n_units[i],),
            level=int(level[i]),
            trophic_level=0.0,
            reuse=int((edges[i] > 0).sum()),
            feeds=tuple(np.flatnonzero(edges[i]).tolist()),
            fed_by=tuple(np.flatnonzero(edges[:, i]).tolist()),
            inputs_seen=tuple(seen),
            outputs_served=tuple(served),
            path_share=0.5,
        )
        for i in range(n)
    )
    same = tuple((i,) for i in range(n))
    return Hierarchy(Partition(np.arange(n)), modules, csr_array(edges), level, same, 1.0, 0.0)


class TestNetwork:
    def test_one_line_an_edge_from_unit_to_unit(self):
        graph = _net()
        ax = plots.network(graph)
        lines, units = _only(ax, LineCollection), _only(ax, EllipseCollection)
        drawn = {tuple(np.ravel(line)) for line in lines.get_segments()}
        at = units.get_offsets()
        wanted = {
            (*at[i], *at[j]) for i, j in zip(graph.sources, graph.weights.indices, strict=True)
        }
        assert len(lines.get_segments()) == graph.n_edges
        assert drawn == wanted
        assert len(at) == len(np.unique(at, axis=0)) == graph.n_units

    def test_layers_are_columns_from_left_to_right(self):
        graph = _net()
        x = _only(plots.network(graph), EllipseCollection).get_offsets()[:, 0]
        for before, after in zip(graph.layers[:-1], graph.layers[1:], strict=True):
            assert x[before.units].max() < x[after.units].min()

    def test_width_and_alpha_rise_with_magnitude_and_colour_is_the_sign(self):
        graph = from_matrices([np.array([[-3.0, 0.5], [1.0, -0.1]])])
        lines = _only(plots.network(graph), LineCollection)
        colours = lines.get_colors()
        assert (np.diff(lines.get_linewidths()) > 0).all()
        assert (np.diff(colours[:, 3]) > 0).all()
        signs = [NEGATIVE, POSITIVE, POSITIVE, NEGATIVE]  # −0.1, 0.5, 1, −3: weakest first
        assert np.allclose(colours[:, :3], [to_rgb(sign) for sign in signs])

    def test_signs_are_explained_only_where_both_occur(self):
        assert plots.network(_net()).get_legend() is not None
        assert plots.network(_net().live().magnitude).get_legend() is None

    def test_unsure_units_are_pale_and_their_hulls_are_empty_and_dashed(self):
        graph = from_matrices([np.eye(4)])
        partition = Partition([0, 0, 1, -1, 0, 0, 1, -1])
        sure = np.array([1.0, 0.5, 0.0, np.nan] * 2)
        bold = plots.network(graph, partition=partition)
        soft = plots.network(graph, partition=partition, confidence=sure, verdict="unstable")
        faces = [_only(ax, EllipseCollection).get_facecolors()[:, :3] for ax in (bold, soft)]
        assert np.allclose(faces[1][0], faces[0][0])
        assert np.allclose(faces[1][1], (faces[0][1] + faces[1][2]) / 2)
        assert np.ptp(faces[1][2]) == 0, "grey where no run agrees"
        assert np.allclose(faces[1][3], 1), "white without a module"
        for ax, filled, dashed in ((bold, True, False), (soft, False, True)):
            for hull in ax.patches:
                assert (hull.get_facecolor()[3] > 0) is filled
                assert (hull.get_linestyle() != "solid") is dashed
        (text,) = [text.get_text() for text in soft.texts if "unstable" in text.get_text()]
        assert text == "unstable: runs find different modules; a unit pales where runs disagree"
        assert not any("unstable" in text.get_text() for text in bold.texts)

    @pytest.mark.parametrize("verdict", ["weak", "chance", "untested", "unstable"])
    def test_modules_that_are_not_believed_are_pale_and_said_to_be(self, verdict):
        graph = from_matrices([np.eye(4)])
        partition = Partition([0, 0, 1, -1, 0, 0, 1, -1])
        bold = plots.network(graph, partition=partition, verdict="modular")
        soft = plots.network(graph, partition=partition, verdict=verdict)
        assert np.allclose(
            _only(bold, EllipseCollection).get_facecolors(),
            _only(plots.network(graph, partition=partition), EllipseCollection).get_facecolors(),
        )
        faces = [_only(ax, EllipseCollection).get_facecolors()[:, :3] for ax in (bold, soft)]
        assert np.allclose(faces[1][:3], (faces[0][:3] + 0.88) / 2)
        assert np.allclose(faces[1][3], 1), "white without a module"
        assert all(hull.get_facecolor()[3] > 0 for hull in bold.patches)
        assert all(hull.get_facecolor()[3] == 0 for hull in soft.patches)
        assert [x.get_text() for x in soft.texts if ":" in x.get_text()] == [IN_SHORT[verdict]]
        assert [x.get_text() for x in bold.texts if ":" in x.get_text()] == [IN_SHORT["modular"]]

    def test_norms_of_kernels_have_no_sign(self):
        """A kernel's norm is not positive; where nothing has a sign, nothing is said of it."""
        roles = ("input", "hidden", "output")
        layers = tuple(Layer(x, roles[i], (2,), 2 * i, 2 * i + 2) for i, x in enumerate("abc"))
        dense = np.zeros((6, 6))
        dense[:2, 2:4] = [[1.0, 2.0], [3.0, 4.0]]
        dense[2:4, 4:] = [[1.0, -2.0], [3.0, 4.0]]
        kinds = {"conv": np.ones(8, np.int32), "linear": np.repeat([9, 1], 4).astype(np.int32)}
        for kind, multiplicity in kinds.items():
            blocks = (Block("a", "b", None, kind, 4), Block("b", "c", None, "linear", 4))
            graph = NetGraph(csr_array(dense), multiplicity, layers, blocks)
            ax = plots.network(graph)
            legend = [text.get_text() for text in ax.get_legend().get_texts()]
            assert legend == ["positive", "negative", "kernel (no sign)"]
            colours = _only(ax, LineCollection).get_colors()[:, :3]
            assert sum(np.allclose(x, to_rgb(UNSIGNED)) for x in colours) == 4
            assert plots.network(graph.magnitude).get_legend() is None
        graph = NetGraph(csr_array(dense), None, layers, blocks)
        legend = [text.get_text() for text in plots.network(graph).get_legend().get_texts()]
        assert legend == ["positive", "negative"], "all positive by chance"

    def test_confidence_is_one_number_per_unit(self):
        with pytest.raises(GraphError, match=r"confidence is \[3\]: one number for each of the 8"):
            plots.network(from_matrices([np.eye(4)]), confidence=np.ones(3))

    def test_stored_zeros_are_drawn(self):
        graph = from_matrices([np.zeros((2, 2))], [np.ones((2, 2))])
        lines = _only(plots.network(graph), LineCollection)
        assert len(lines.get_segments()) == 4
        assert min(lines.get_linewidths()) > 0

    def test_modules_have_their_colours_and_units_without_one_are_hollow(self):
        graph = _net()
        labels = np.arange(graph.n_units) % 4 - 1
        partition = Partition(labels)
        units = _only(plots.network(graph, partition=partition), EllipseCollection)
        faces = units.get_facecolors()[:, :3]
        for unit, label in enumerate(partition.labels):
            wanted = (1, 1, 1) if label < 0 else to_rgb(MODULE_PALETTE[label])
            assert faces[unit] == pytest.approx(wanted)

    def test_without_modules_units_on_no_path_are_hollow(self):
        graph = from_matrices([[[1.0, 0.0], [0.0, 0.0]], [[1.0, 0.0]]])
        faces = _only(plots.network(graph), EllipseCollection).get_facecolors()[:, :3]
        assert [tuple(x) == (1.0, 1.0, 1.0) for x in faces] == [False, True, False, True, False]

    def test_a_hull_for_each_run_of_adjacent_layers_holds_its_units(self):
        graph = _net((2, 2, 2, 2))
        partition = Partition([0, 1, 0, 1, 1, 1, 0, 1])  # module 0 is absent from the third layer
        ax = plots.network(graph, partition=partition)
        hulls = [x for x in ax.patches if type(x) is PathPatch]
        assert sorted(x.get_gid() for x in hulls) == ["module 0", "module 0", "module 1"]
        at = _only(ax, EllipseCollection).get_offsets()
        for unit, label in enumerate(partition.labels):
            inside = [x.get_gid() for x in hulls if x.get_path().contains_point(at[unit])]
            assert inside == [f"module {label}"]
        assert [text.get_text() for text in ax.texts] == ["0", "0", "1"]

    def test_many_modules_in_few_units_keep_to_their_hulls(self):
        graph = _net((30, 40, 30))
        partition = Partition(np.random.default_rng(0).integers(0, 12, 100))
        ax = plots.network(graph, partition=partition)
        at = _only(ax, EllipseCollection).get_offsets()
        for hull in (x for x in ax.patches if type(x) is PathPatch):
            inside = hull.get_path().contains_points(at)
            (label,) = np.unique(partition.labels[inside])
            assert hull.get_gid() == f"module {label}"

    def test_edges_over_a_layer_are_curved_and_stay_in_the_axes(self):
        ax = plots.network(_with_skip())
        lines = _only(ax, LineCollection).get_segments()
        assert sorted(len(line) for line in lines) == [2, 2, 25, 25]
        (low, high), (left, right) = sorted(ax.get_ylim()), ax.get_xlim()
        for line in lines:
            assert low <= line[:, 1].min() <= line[:, 1].max() <= high
            assert left <= line[:, 0].min() <= line[:, 0].max() <= right

    def test_many_edges_are_a_picture_of_their_density(self):
        few, many = from_matrices([np.ones((40, 50))]), from_matrices([np.ones((40, 51))])
        assert len(_only(plots.network(few), LineCollection).get_segments()) == 2000
        ax = plots.network(many)
        assert not any(isinstance(x, LineCollection) for x in ax.collections)
        (image,) = ax.images
        assert image.get_gid() == "edges"
        assert len(ax.texts) == 0, "all of them are drawn"

    def test_thinning_is_said(self, monkeypatch):
        monkeypatch.setattr(drawn_edges, "MOST_EDGES", 3000)
        ax = plots.network(from_matrices([np.ones((70, 70))]))
        assert [text.get_text() for text in ax.texts] == ["showing 3,000 of 4,900 edges"]


def test_density_is_the_share_of_each_line_in_each_pixel():
    level, arc = [[0, 2.5], [5, 2.5], [10, 2.5]], [[0, 7.5], [5, 7.5], [10, 7.5]]
    curves, colours = np.array([level, level, arc], dtype=float), np.eye(3)[:2]
    picture = density(curves, np.array([1.0, 1.0, 0.5]), np.array([0, 1, 1]), colours, (10, 10))
    assert picture.shape == (10, 10, 4)
    assert np.flatnonzero(picture[:, :, 3].any(axis=1)).tolist() == [2, 7]
    mixed, single = picture[2], picture[7]
    assert np.allclose(mixed[:, :3], [0.5, 0.5, 0], atol=1 / 15)
    assert np.allclose(single[:, :3], [0, 1, 0])
    assert np.allclose(single[:, 3] / mixed[:, 3], (0.5 / 2) ** 0.6, atol=1 / 15)
    assert density(curves[:0], np.zeros(0), np.zeros(0, int), colours, (3, 2)).sum() == 0


def test_colours_differ_and_are_used_again_with_a_ring():
    n = len(MODULE_PALETTE)
    colours = module_colours(np.arange(2 * n))
    assert len(np.unique(colours[:n], axis=0)) == n
    assert np.array_equal(colours[:n], colours[n:])
    assert len(set(rings(np.arange(n)))) == 1
    assert rings([0]) != rings([n])
    assert np.array_equal(module_colours([-1]), [[1, 1, 1]])


class TestAdjacency:
    @pytest.mark.parametrize("labels", [None, "random", "some without"])
    def test_small_graphs_show_each_edge(self, labels):
        graph = _net()
        rng = np.random.default_rng(0)
        partition = None
        if labels:
            partition = Partition(rng.integers(-1 if "some" in labels else 0, 3, graph.n_units))
        module = np.zeros(graph.n_units) if partition is None else partition.labels
        key = [(m if m >= 0 else np.inf, unit) for unit, m in enumerate(module)]
        order = sorted(range(graph.n_units), key=key.__getitem__)
        dense = np.zeros((graph.n_units, graph.n_units))
        dense[graph.sources, graph.weights.indices] = 1
        ax = plots.adjacency(graph, partition=partition)
        shown = ax.images[0].get_array().filled(0)
        assert np.array_equal(shown, dense[np.ix_(order, order)])
        assert not ax.child_axes  # no colour bar: an edge is there or not

    def test_stored_zeros_count(self):
        graph = from_matrices([np.zeros((2, 3))], [np.ones((2, 3))])
        assert plots.adjacency(graph).images[0].get_array().filled(0).sum() == 6

    def test_large_graphs_show_the_share_of_connected_pairs(self):
        graph = _net((300, 301), density=0.1)
        shares = plots.adjacency(graph).images[0].get_array().filled(0)
        n, bins = graph.n_units, len(shares)
        assert bins < n
        cell = np.arange(n) * bins // n
        dense = np.zeros((n, n))
        dense[graph.sources, graph.weights.indices] = 1
        for row, column in [(0, bins - 1), (17, bins // 2 + 3), (bins // 2, bins // 2)]:
            pairs = dense[np.ix_(cell == row, cell == column)]
            assert shares[row, column] == pytest.approx(pairs.mean())

    def test_module_sizes_beside_the_matrix(self):
        graph = _net((2, 3, 2))
        partition = Partition([0, 0, 1, 1, 1, -1, 0])
        ax = plots.adjacency(graph, partition=partition)
        strips = [x.get_width() for x in ax.patches if x.get_y() < 0]
        assert strips == [3, 3, 1]
        assert {text.get_text() for text in ax.get_yticklabels()} == {"0", "1", "none"}

    @pytest.mark.parametrize("verdict", ["modular", *MUTED])
    def test_frames_are_whole_and_as_bold_as_the_verdict(self, verdict):
        graph = _net((2, 3, 2))
        partition = Partition([0, 0, 1, 1, 1, -1, 0])
        ax = plots.adjacency(graph, partition=partition, verdict=verdict)
        frames = [x for x in ax.patches if isinstance(x, Rectangle) and not x.get_fill()]
        assert [x.get_gid() for x in frames] == ["module 0", "module 1"]
        assert not any(x.get_clip_on() for x in frames)
        assert {x.get_linestyle() == "solid" for x in frames} == {verdict == "modular"}
        own = module_colours([0])[0]
        wanted = own if verdict == "modular" else (own + 1) / 2
        assert frames[0].get_edgecolor()[:3] == pytest.approx(wanted)
        assert [x.get_text() for x in ax.texts] == [IN_SHORT[verdict]]

    def test_names_of_layers_without_a_partition(self):
        ax = plots.adjacency(_net((5, 7, 6)))
        assert {x.get_text() for x in ax.get_yticklabels()} == {"input", "hidden1", "output"}


class TestModuleHierarchy:
    EDGES = ((0, 2.0, 1.0), (0, 0, 4.0), (0, 0, 0))

    def test_a_box_a_module_and_an_arrow_an_edge(self):
        ax = plots.module_hierarchy(_hierarchy(self.EDGES, (4, 9, 1)))
        boxes = {x.get_gid(): x for x in ax.patches if isinstance(x, FancyBboxPatch)}
        arrows = [x for x in ax.patches if x.get_gid() == "edge"]
        assert set(boxes) == {"module 0", "module 1", "module 2"}
        assert len(arrows) == 3
        assert {x.get_linestyle() != "solid" for x in arrows} == {True}, "untested: dashed"
        assert [x.get_linewidth() for x in arrows] == sorted(x.get_linewidth() for x in arrows)
        left = [boxes[f"module {i}"].get_x() for i in range(3)]
        assert left == sorted(left)
        height = {i: boxes[f"module {i}"].get_height() for i in range(3)}
        assert height[1] > height[0] > height[2]

    @pytest.mark.parametrize("seed", range(5))
    def test_boxes_stay_apart_and_inside(self, seed):
        rng = np.random.default_rng(seed)
        edges = np.triu(rng.gamma(1.0, size=(15, 15)) * (rng.random((15, 15)) < 0.15), 1)
        ax = plots.module_hierarchy(_hierarchy(edges, rng.integers(1, 500, 15).tolist()))
        boxes = np.array(
            [
                (x.get_x(), x.get_y(), x.get_x() + x.get_width(), x.get_y() + x.get_height())
                for x in ax.patches
                if isinstance(x, FancyBboxPatch)
            ]
        )
        (left, right), (low, high) = ax.get_xlim(), sorted(ax.get_ylim())
        assert (boxes[:, 0] >= left).all()
        assert (boxes[:, 2] <= right).all()
        assert (boxes[:, 1] >= low).all()
        assert (boxes[:, 3] <= high).all()
        for i, a in enumerate(boxes):
            for b in boxes[i + 1 :]:
                assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]

    def test_arrows_over_a_level_go_round_the_boxes_between(self):
        ax = plots.module_hierarchy(_hierarchy(self.EDGES, (4, 4, 4)))
        (between,) = [x for x in ax.patches if x.get_gid() == "module 1"]
        left, low = between.get_x(), between.get_y()
        right, high = left + between.get_width(), low + between.get_height()
        long = min(
            (x for x in ax.patches if x.get_gid() == "edge"),
            key=lambda x: x.get_linewidth(),
        )
        for x, y in long.get_path().to_polygons(closed_only=False)[0]:
            assert not (left < x < right and low < y < high)

    def test_reuse_inputs_and_outputs_are_written(self):
        hierarchy = _hierarchy(self.EDGES, (4, 9, 1), seen=(7, 0, 1, 2), served=(20, 22, 24, 26))
        with plots.paper("nature-double"):
            ax = plots.module_hierarchy(hierarchy, ax=plots.figure("nature-double").add_subplot())
        said = [text.get_text() for text in ax.texts]
        assert said[:5] == [
            "module 0",
            "4 units",
            "feeds 2 modules",
            "sees 0–2, 7",
            "serves 4 outputs",
        ]
        assert "1 unit" in said

    def test_ends_are_named_where_the_hierarchy_knows_how(self):
        names = {0: "in[4]", 1: "in[5]", 2: "in[6]", 7: "bias", 20: "out[0]"}
        hierarchy = replace(
            _hierarchy([[0.0]], [3], seen=(7, 0, 1, 2), served=(20,)), unit_names=names
        )
        with plots.paper("nature-double"):
            ax = plots.module_hierarchy(hierarchy, ax=plots.figure("nature-double").add_subplot())
        said = [text.get_text() for text in ax.texts]
        assert said == ["module 0", "3 units", "sees in[4–6], bias", "serves out[0]"]

    def test_an_inferred_hierarchy(self):
        graph = from_matrices([np.kron(np.eye(2), np.ones((3, 2))), np.ones((2, 6))])
        partition = Partition([0, 0, 1, 1, 0, 0, 0, 1, 1, 1, 2, 2])
        ax = plots.module_hierarchy(infer(graph, partition))
        assert sum(x.get_gid() == "edge" for x in ax.patches) == 2
        said = [text.get_text() for text in ax.texts]
        assert [x for x in said if x.startswith("module")] == ["module 0", "module 1", "module 2"]
        assert [x for x in said if x.startswith("sees")] == [
            "sees input[0–1]",
            "sees input[2–3]",
            "sees input[0–3]",
        ]

    @pytest.mark.parametrize("verdict", ["modular", *MUTED])
    def test_boxes_are_as_bold_as_the_verdict(self, verdict):
        ax = plots.module_hierarchy(_hierarchy(self.EDGES, (4, 9, 1)), verdict=verdict)
        boxes = [x for x in ax.patches if isinstance(x, FancyBboxPatch)]
        assert {x.get_linestyle() == "solid" for x in boxes} == {verdict == "modular"}
        assert IN_SHORT[verdict] in [x.get_text() for x in ax.texts]

    def test_lines_without_room_are_missed(self):
        """Boxes too low, and names too long for their boxes; if all is written, no word of it."""
        note = "not every box has room for what it sees and serves"
        low = _hierarchy(np.zeros((20, 20)), [4] * 20, seen=(0, 1), served=(3,))
        long = replace(
            _hierarchy(np.diag(np.ones(11), 1), [4] * 12, seen=tuple(range(0, 2000, 2))),
            unit_names={},
        )
        roomy = _hierarchy(self.EDGES, (4, 9, 1), seen=(0, 1), served=(3,))
        for hierarchy, said in ((low, True), (long, True), (roomy, False)):
            with plots.paper():
                ax = plots.module_hierarchy(hierarchy, ax=plots.figure().add_subplot())
            assert (note in ax.get_xlabel().replace("\n", " ")) is said

    def test_a_single_module_and_none(self):
        plots.module_hierarchy(_hierarchy([[0.0]], [3])).get_figure().draw_without_rendering()
        none = Hierarchy(
            Partition([-1, -1]), (), csr_array((0, 0)), np.zeros(0, np.int64), (), 1.0, 0.0
        )
        plots.module_hierarchy(none).get_figure().draw_without_rendering()


class TestPairWeights:
    def test_inputs_along_x_outputs_along_y_downwards(self):
        matrix = np.arange(6.0).reshape(3, 2)
        ax = plots.pair_weights(matrix, input_names=list("abc"), output_names=["$u", "v"])
        mesh = _only(ax, QuadMesh)
        assert np.array_equal(mesh.get_array().reshape(2, 3), matrix.T)
        assert ax.get_xlim() == (0, 3)
        assert ax.get_ylim() == (2, 0)
        assert [x.get_text() for x in ax.get_xticklabels()] == ["a", "b", "c"]
        assert [x.get_text() for x in ax.get_yticklabels()] == ["$u", "v"]

    def test_the_colour_bar_says_what_it_is_of(self):
        for options, said in (({}, "edge-weight product"), ({"label": "flips"}, "flips")):
            (bar,) = plots.pair_weights([[1.0, 2.0]], **options).child_axes
            assert bar.get_ylabel() == said

    def test_signed_matrices_diverge_from_zero(self):
        mesh = _only(plots.pair_weights([[-1.0, 4.0]]), QuadMesh)
        assert (mesh.norm.vmin, mesh.norm.vcenter, mesh.norm.vmax) == (-4, 0, 4)
        assert mesh.get_cmap()(mesh.norm(0.0))[:3] == pytest.approx((1, 1, 1), abs=0.05)

    def test_unsigned_matrices_begin_at_zero(self):
        mesh = _only(plots.pair_weights([[3.0, 4.0]]), QuadMesh)
        assert (mesh.norm.vmin, mesh.norm.vmax) == (0, 4)

    @pytest.mark.parametrize("fill", [0.0, np.nan])
    def test_nothing_to_tell_apart(self, fill):
        ax = plots.pair_weights(np.full((2, 3), fill))
        ax.get_figure().draw_without_rendering()

    def test_many_inputs_are_numbered_in_round_steps(self):
        with plots.paper():
            ax = plots.pair_weights(np.ones((784, 10)), ax=plots.figure().add_subplot())
        ticks = np.diff(ax.get_xticks())
        assert len(set(ticks)) == 1
        assert f"{ticks[0]:g}".strip("0") in {"1", "2", "5"}
        assert _only(ax, QuadMesh).get_rasterized()

    def test_shapes_and_names_are_checked(self):
        with pytest.raises(GraphError, match=r"shape \[3\]: \[inputs, outputs\] is needed"):
            plots.pair_weights([1.0, 2.0, 3.0])
        with pytest.raises(GraphError, match=r"shape \[0, 3\]"):
            plots.pair_weights(np.zeros((0, 3)))
        with pytest.raises(GraphError, match="1 input names found, the matrix has 2 inputs"):
            plots.pair_weights([[1.0], [2.0]], input_names=["a"])


class TestPathProfile:
    def test_dots_are_each_layers_shares_from_large_to_small(self):
        graph = _net((3, 5, 2))
        share = np.linspace(0.5, 0.05, graph.n_units)[::-1]
        ax = plots.path_profile(graph, share)
        dots = [x.get_offsets() for x in ax.collections if len(x.get_offsets()) in (3, 5, 2)]
        for at, (layer, points) in enumerate(zip(graph.layers, dots, strict=True)):
            assert np.asarray(points[:, 1]) == pytest.approx(np.sort(share[layer.units])[::-1])
            assert (np.diff(points[:, 0]) > 0).all()
            assert (np.abs(points[:, 0] - at) < 0.5).all()
        assert ax.get_yscale() == "linear"

    def test_wide_layers_are_curves(self):
        graph = _net((80, 3))
        share = np.concatenate([np.full(80, 1 / 80), np.full(3, 1 / 3)])
        ax = plots.path_profile(graph, share)
        assert ax.lines[0].get_ydata() == pytest.approx(share[:80])
        assert any(isinstance(x, PolyCollection) for x in ax.collections)

    def test_wide_ranges_are_logarithmic_and_what_is_below_is_counted(self):
        graph = _net((6, 2))
        ax = plots.path_profile(graph, [0.9, 0.1, 0.0, 0.0, 1e-12, 1e-5, 0.5, 0.5])
        assert ax.get_yscale() == "log"
        assert [text.get_text() for text in ax.texts] == ["3 units < 9e-09"]
        points = next(x.get_offsets() for x in ax.collections if len(x.get_offsets()) == 3)
        assert np.asarray(points[:, 1]) == pytest.approx([0.9, 0.1, 1e-5])

    @pytest.mark.parametrize(
        ("low", "said"), [([0.0, 0.0, 0.0], "3 units at 0"), ([0.1, 0.1, 0.0], "1 unit at 0")]
    )
    def test_units_without_paths_are_said_to_be_at_0(self, low, said):
        ax = plots.path_profile(_net((6, 2)), [0.9, 0.1, 1e-3, *low, 0.5, 0.5])
        assert [text.get_text() for text in ax.texts] == [said]

    def test_counts_stand_upright_where_layers_are_narrow(self):
        for n_layers, turned in ((3, 0.0), (30, 90.0)):
            graph = _net((8,) * n_layers)
            ax = plots.path_profile(graph, np.where(np.arange(graph.n_units) % 8, 0.1, 1e-30))
            assert {text.get_rotation() for text in ax.texts} == {turned}

    def test_all_shares_zero(self):
        graph = _net((6, 2))
        plots.path_profile(graph, np.zeros(8)).get_figure().draw_without_rendering()


class TestNullDistribution:
    def test_bars_hold_all_draws_and_the_line_is_the_value(self):
        draws = np.random.default_rng(0).normal(size=500)
        ax = plots.null_distribution(Significance(3.0, 0.0, 1.0, 3.0, 0.002, 500, draws))
        (bars,) = ax.patches
        assert bars.get_data().values.sum() == 500
        edges = bars.get_data().edges
        assert edges[0] == draws.min()
        assert edges[-1] == draws.max()
        (line,) = _only(ax, LineCollection).get_segments()
        assert line[:, 0].tolist() == [3.0, 3.0]
        low, high = ax.get_xlim()
        assert low < draws.min() < 3.0 < high
        assert ax.texts[0].get_text() == "observed 3\nΔ = 3, z = 3, p = 0.002"
        assert ax.get_ylabel() == "null draws (500)"

    @pytest.mark.parametrize(
        ("z", "said"), [(np.nan, "z undefined"), (np.inf, "z = ∞"), (-np.inf, "z = −∞")]
    )
    def test_draws_without_spread(self, z, said):
        value = 0.5 if np.isnan(z) else 0.5 + np.sign(z)
        ax = plots.null_distribution(Significance(value, 0.5, 0.0, z, 1.0, 20, np.full(20, 0.5)))
        ax.get_figure().draw_without_rendering()
        assert said in ax.texts[0].get_text()

    def test_draws_that_differ_by_rounding_alone(self):
        draws = 0.5 + np.arange(20) * 2**-53
        ax = plots.null_distribution(Significance(0.5, 0.5, 0.0, np.nan, 1.0, 20, draws))
        (bars,) = ax.patches
        assert bars.get_data().values.max() == 20

    def test_p_that_more_draws_could_lower_is_a_bound(self):
        draws = np.linspace(-1.0, 1.0, 20)
        for p, said in ((1 / 21, "p ≤ 0.048"), (2 / 21, "p = 0.095")):
            ax = plots.null_distribution(Significance(2.0, 0.0, 0.5, 4.0, p, 20, draws))
            assert ax.texts[0].get_text() == f"observed 2\nΔ = 2, z = 4, {said}"

    def test_text_stands_above_the_bars_on_the_roomy_side(self):
        draws = np.random.default_rng(0).normal(size=200)
        for value, side in ((5.0, "right"), (-5.0, "left")):
            ax = plots.null_distribution(Significance(value, 0.0, 1.0, value, 0.005, 200, draws))
            (text,) = ax.texts
            assert text.get_ha() == side
            assert text.xy[1] > ax.patches[0].get_data().values.max()
