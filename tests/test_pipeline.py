"""`analyze`: one frozen plan, one order of stages."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array

import netsculpt
from netsculpt.core.catalog import catalog
from netsculpt.core.declared import (
    is_own_weights,
    on_own_weights,
    slow_from,
    varies_with,
    with_evidence,
)
from netsculpt.core.errors import FormatError, GraphError
from netsculpt.core.figure_style import FigureStyle
from netsculpt.core.random import RNG
from netsculpt.graph.graph import Block, Layer
from netsculpt.graph.matrices import from_matrices
from netsculpt.graph.streams import without_stream_edges
from netsculpt.modules import module_evidence
from netsculpt.pipeline import stages
from netsculpt.report.figures import figure_files
from netsculpt.report.headline import kernels
from netsculpt.report.summary import summary
from netsculpt.report.terminal.analysis import print_report


@pytest.fixture(scope="module")
def graph() -> netsculpt.NetGraph:
    return netsculpt.planted([8, 8, 8], 2, 0.9, 0.05, rng=0)[0]


def test_the_plan_is_part_of_the_analysis(graph: netsculpt.NetGraph) -> None:
    plan = netsculpt.AnalysisPlan(detectors=["layered", "leiden"], n_nulls=0, n_seeds=0)  # type: ignore[arg-type]
    analysis = netsculpt.analyze(graph, plan, rng=7)
    assert (analysis.plan, analysis.seed) == (plan, 7)
    assert plan.detectors == ("layered", "leiden")
    assert hash(plan) == hash(analysis.plan)


@pytest.mark.parametrize(
    "options",
    [
        {"n_nulls": -1},
        {"detectors": "layered"},
        {"detectors": ("layered", "layered")},
        {"weights": "pattern"},
        {"weights": ()},
        {"weights": ("balanced", "binary")},
        {"detectors": ("layered", "layered_pattern"), "weights": ("balanced", "pattern")},
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(GraphError, match="needed"):
        netsculpt.AnalysisPlan(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("plan", "error", "message"),
    [
        (netsculpt.AnalysisPlan(("layerd",)), FormatError, "did you mean layered"),
        (netsculpt.AnalysisPlan(null="rewired"), FormatError, "did you mean rewire"),
        (netsculpt.AnalysisPlan(("functional",)), GraphError, "pass influence"),
    ],
)
def test_names_are_checked_before_any_work(
    graph: netsculpt.NetGraph,
    plan: netsculpt.AnalysisPlan,
    error: type[Exception],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(netsculpt.paths, "effective", None)
    with pytest.raises(error, match=message):
        netsculpt.analyze(graph, plan, rng=0)


def test_the_detector_runs_on_the_network_only_once(
    graph: netsculpt.NetGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    layered = catalog("detectors")["layered"]
    graphs: list[netsculpt.NetGraph] = []

    def counted(graph: netsculpt.NetGraph, *, rng: RNG = None) -> netsculpt.Partition:
        graphs.append(graph)
        partition: netsculpt.Partition = layered(graph, rng=rng)
        return partition

    monkeypatch.setattr(stages, "detector_of", lambda *_: counted)
    plan = netsculpt.AnalysisPlan(n_nulls=5, n_seeds=0)
    (detected,) = netsculpt.analyze(graph, plan, rng=0).detected
    assert len(graphs) == 6
    assert len({id(each) for each in graphs}) == 6
    assert detected.significance is not None
    assert detected.significance.value == detected.quality
    monkeypatch.undo()
    (plain,) = netsculpt.analyze(graph, plan, rng=0).detected
    assert plain.significance is not None
    assert np.array_equal(plain.significance.draws, detected.significance.draws)


def test_slow_detectors_get_fewer_runs_unless_a_number_is_given() -> None:
    graph = netsculpt.planted([8, 8, 8], 2, 0.9, 0.1, rng=0)[0]

    @slow_from(graph.live().n_edges)
    def halves(graph: netsculpt.NetGraph, *, rng: RNG) -> NDArray[np.int64]:
        return np.arange(graph.n_units) % 8 // 4

    def runs(
        n_nulls: int | None = None, n_seeds: int | None = None
    ) -> tuple[list[tuple[int, int]], str]:
        detectors = ("path_signature", halves)
        plan = netsculpt.AnalysisPlan(detectors, n_nulls=n_nulls, n_seeds=n_seeds)
        analysis = netsculpt.analyze(graph, plan, rng=0)
        tests = [(each.significance, each.n_runs) for each in analysis.detected]
        assert all(len(each.hierarchy.modules) > 1 for each in analysis.detected)
        return [(test.n, n) for test, n in tests if test is not None], " ".join(analysis.notes)

    numbers, notes = runs()
    assert numbers == [(100, 20), (20, 10)]
    assert "20 null networks instead of 100 and run 10 times instead of 20" in notes
    assert "stability: halves. --nulls and --stability-seeds set a number" in notes
    numbers, notes = runs(n_nulls=25)
    assert numbers == [(25, 20), (25, 10)]
    assert "Slow on a network of this size, and so run 10 times instead of 20" in notes
    assert "--stability-seeds sets a number" in notes
    numbers, notes = runs(n_nulls=25, n_seeds=3)
    assert numbers == [(25, 3), (25, 3)]
    assert "Slow" not in notes


def test_nothing_is_said_of_slow_detectors_that_were_run_as_often_as_others() -> None:
    graph = netsculpt.planted([8, 8, 8], 2, 0.9, 0.1, rng=0)[0]

    @slow_from(1)
    @varies_with("seed")
    @with_evidence(module_evidence)
    def weighing(graph: netsculpt.NetGraph, *, rng: RNG) -> netsculpt.Partition:
        return module_evidence(graph, rng=rng).partition

    for n_seeds, said in ((20, False), (None, True)):
        plan = netsculpt.AnalysisPlan((weighing,), n_seeds=n_seeds)
        notes = " ".join(netsculpt.analyze(graph, plan, rng=0).notes)
        assert ("Slow on a network" in notes) is said


@pytest.fixture(scope="module")
def whole() -> netsculpt.Analysis:
    graph = netsculpt.planted([12, 12, 12], 2, 0.6, 0.05, rng=0)[0]
    weights = np.random.default_rng(0).lognormal(0, 0.5, graph.n_edges)
    forms = ("pattern", "balanced", "magnitude")
    plan = netsculpt.AnalysisPlan(("layered", "path_signature"), "rewire", 19, 3, forms)
    return netsculpt.analyze(graph.with_weights(weights), plan, rng=0)


def test_every_detector_runs_on_every_form_and_the_first_has_the_plain_name(
    whole: netsculpt.Analysis,
) -> None:
    assert [(each.key, each.detector, each.weights) for each in whole.detected] == [
        ("layered", "layered", "pattern"),
        ("layered_balanced", "layered", "balanced"),
        ("layered_magnitude", "layered", "magnitude"),
        ("path_signature", "path_signature", "pattern"),
        ("path_signature_balanced", "path_signature", "balanced"),
        ("path_signature_magnitude", "path_signature", "magnitude"),
    ]
    units = whole.units()
    for each in whole.detected:
        for column in ("module", "hierarchy", "consensus", "confidence"):
            assert f"{column}_{each.key}" in units.columns
    for table in (whole.modules(), whole.flows()):
        assert set(table["key"]) == {each.key for each in whole.detected}


@pytest.mark.parametrize("n_nulls", [0, 20])
def test_hierarchy_and_flow_are_of_the_form(graph: netsculpt.NetGraph, n_nulls: int) -> None:
    """Of magnitudes: sums of |w|, also where no scales of the units balance them."""
    rng = np.random.default_rng(0)
    wide = graph.with_weights(10.0 ** rng.uniform(-200, 200, graph.n_edges))
    with pytest.raises(GraphError, match="cannot be balanced"):
        wide.balanced  # noqa: B018
    signs = rng.choice([-1.0, 1.0], graph.n_edges)
    for weighted in (graph.with_weights(rng.lognormal(size=graph.n_edges) * signs), wide):
        plan = netsculpt.AnalysisPlan(n_nulls=n_nulls, n_seeds=0, weights=("magnitude",))
        (each,) = netsculpt.analyze(weighted, plan, rng=0).detected
        n = each.partition.n_modules
        wanted = np.zeros((n, n))
        source = each.partition.labels[weighted.sources]
        target = each.partition.labels[weighted.weights.indices]
        inside = (source >= 0) & (target >= 0)
        weights = np.abs(weighted.weights.data[inside])
        np.add.at(wanted, (source[inside], target[inside]), weights)
        np.testing.assert_allclose(each.flow.weight, wanted)
        for link in each.hierarchy.links:
            assert link.weight == pytest.approx(wanted[link.source, link.target])
        assert bool(each.hierarchy.links) is (n_nulls > 0 and n > 1)


def test_magnitudes_are_said_to_depend_on_scales(graph: netsculpt.NetGraph) -> None:
    for forms, said in ((("magnitude",), True), (("balanced", "pattern"), False)):
        plan = netsculpt.AnalysisPlan(n_nulls=0, n_seeds=0, weights=forms)
        notes = netsculpt.analyze(graph, plan, rng=0).notes
        text = "Modules, Q, hierarchy and flow of layered depend on how units are scaled"
        assert [note.startswith(text) for note in notes if "scaled" in note] == [True] * said


def test_the_quality_is_that_of_the_form(whole: netsculpt.Analysis) -> None:
    for each in whole.detected:
        form = getattr(whole.graph, each.weights)
        expected = netsculpt.modules.quality(form, each.partition)
        assert each.quality == pytest.approx(expected, rel=1e-6)
        assert each.significance is not None
        assert each.significance.value == each.quality
        assert each.delta == each.quality - each.significance.mean


def test_a_decoder_reads_the_networks_own_weights_and_no_other_detector_does(
    graph: netsculpt.NetGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    weights = rng.standard_normal(graph.n_edges) * rng.lognormal(0, 1, graph.n_units)[graph.sources]
    graph = graph.with_weights(weights)
    read: list[np.ndarray] = []

    def seen(graph: netsculpt.NetGraph, *, rng: RNG = None) -> netsculpt.Partition:
        read.append(graph.weights.data)
        return catalog("detectors")["layered"](graph, rng=rng)  # type: ignore[no-any-return]

    for function, form in (
        (seen, "balanced"),
        (on_own_weights(lambda graph, *, rng: seen(graph, rng=rng)), "balanced"),
        (on_own_weights(lambda graph, *, rng: seen(graph, rng=rng)), "pattern"),
    ):
        read.clear()
        monkeypatch.setattr(stages, "detector_of", lambda *_, function=function: function)
        plan = netsculpt.AnalysisPlan(n_nulls=3, n_seeds=0, weights=(form,))
        netsculpt.analyze(graph, plan, rng=0)
        own = is_own_weights(function) and form == "balanced"
        expected = graph.weights.data if own else getattr(graph, form).weights.data
        np.testing.assert_allclose(read[0], expected, rtol=1e-6)
        for drawn in read[1:]:
            negative = np.signbit(drawn).sum()
            assert negative == (np.signbit(graph.weights.data).sum() if own else 0)


def test_without_null_networks_enough_the_hierarchy_is_not_tested_and_says_so(
    graph: netsculpt.NetGraph,
) -> None:
    few, enough = (
        netsculpt.analyze(graph, netsculpt.AnalysisPlan(n_nulls=n, n_seeds=0), rng=0)
        for n in (19, 20)
    )
    assert not few.detected[0].hierarchy.links
    assert "not compared with chance" in few.notes[0]
    assert enough.detected[0].hierarchy.links
    assert not enough.notes


def test_units_of_a_hierarchy_have_their_numbers_in_the_whole_network() -> None:
    first, second = np.eye(4), np.eye(4)
    first[1, 1] = 0  # input 1 and hidden 1 are dead; so is output 1
    graph = netsculpt.from_matrices([first, second])
    (each,) = netsculpt.analyze(graph, netsculpt.AnalysisPlan(n_nulls=0), rng=0).detected
    modules = each.hierarchy.modules
    assert [module.inputs_seen for module in modules] == [(0,), (2,), (3,)]
    assert [module.outputs_served for module in modules] == [(8,), (10,), (11,)]
    assert each.hierarchy.unit_names[10] == "output[2]"
    assert np.flatnonzero(each.hierarchy.partition.labels < 0).tolist() == [1, 5, 9]
    assert each.partition.labels.tolist() == [0, -1, 1, 2] * 3


@pytest.mark.parametrize(
    ("p", "n", "delta", "stability", "expected"),
    [
        (None, 0, 0.3, 1.0, "untested"),
        (1 / 19, 18, 0.3, 1.0, "untested"),
        (1 / 20, 19, 0.3, 1.0, "modular"),
        (2 / 20, 19, 0.3, 1.0, "chance"),
        (1.0, 100, -0.1, 0.1, "chance"),
        (0.01, 100, 0.3, 0.6, "unstable"),
        (0.01, 100, 0.01, 0.07, "unstable"),
        (0.01, 100, 0.01, 0.9, "weak"),
        (0.01, 100, 0.01, None, "weak"),
        (0.01, 100, 0.3, None, "modular"),
        (np.nan, 100, 0.3, 1.0, "untested"),
        (0.01, 100, 0.3, np.nan, "unstable"),
        (0.01, 100, np.nan, 1.0, "weak"),
    ],
)
def test_verdict(p: float | None, n: int, delta: float, stability: float, expected: str) -> None:
    assert netsculpt.modules.verdict(p, n, delta, stability) == expected


def test_clear_modules_are_modular_and_those_of_noise_are_not() -> None:
    plan = netsculpt.AnalysisPlan(n_nulls=19, n_seeds=5)
    for truth, p_in, p_out, expected in ((2, 0.6, 0.05, "modular"), (1, 0.2, 0.2, "chance")):
        graph, _ = netsculpt.planted([16, 16, 16], truth, p_in, p_out, rng=3)
        assert netsculpt.analyze(graph, plan, rng=0).detected[0].verdict == expected


STEP = {"f": "hidden", "+": "junction"}  # a branch, and the sum with what was there


@pytest.mark.parametrize("name", ["layered", "path_signature"])
@pytest.mark.parametrize("first", [0.0, 1.0])
def test_kept_weights_may_all_be_0(
    first: float, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = [np.ones((5, 4), bool), np.ones((3, 5), bool)]
    graph = netsculpt.from_matrices([np.full((5, 4), first), np.zeros((3, 5))], masks=masks)
    plan = netsculpt.AnalysisPlan((name,), n_nulls=20, n_seeds=2)
    analysis = netsculpt.analyze(graph, plan, rng=0)
    assert analysis.detected[0].verdict != "modular"
    print_report(analysis)
    assert "60 input→output paths, total weight 0" in capsys.readouterr().out


def test_a_detector_that_places_no_unit(
    graph: netsculpt.NetGraph,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def none(graph: netsculpt.NetGraph, *, rng: RNG = None) -> netsculpt.Partition:
        return netsculpt.Partition(np.full(graph.n_units, -1))

    monkeypatch.setattr(stages, "detector_of", lambda *_: none)
    analysis = netsculpt.analyze(graph, netsculpt.AnalysisPlan(n_nulls=19, n_seeds=2), rng=0)
    assert analysis.detected[0].mean_confidence is None
    content = summary(analysis)
    assert content["modules"]["layered"]["consensus"]["mean_confidence"] is None
    schema = Path(netsculpt.report.__path__[0], "summary.schema.json").read_text()
    jsonschema.validate(content, json.loads(schema))
    print_report(analysis)
    assert "of the runs agree" not in capsys.readouterr().out


def residual(groups: int, width: int, depth: int) -> tuple[netsculpt.NetGraph, netsculpt.Partition]:
    """Residual channels in groups: in each of `depth` steps a layer is added to the stream."""
    rng, layers, blocks, start = np.random.default_rng(0), [], [], 0
    steps = [(f"{kind}{i}", role) for i in range(depth) for kind, role in STEP.items()]
    for name, role in [("x", "input"), *steps, ("y", "output")]:
        layers.append(Layer(name, role, (width,), start, start + width))  # type: ignore[arg-type]
        start += width
    matrix, group = np.zeros((start, start)), np.arange(width) % groups
    stream = layers[0]
    for i in range(depth):
        branch, total = layers[1 + 2 * i], layers[2 + 2 * i]
        near = group[:, None] == group
        matrix[stream.units, branch.units] = rng.random((width, width)) < np.where(near, 0.6, 0.05)
        matrix[stream.units, total.units] = matrix[branch.units, total.units] = np.eye(width)
        blocks += [
            Block(stream.name, branch.name, f"w{i}", "linear", width**2),
            Block(stream.name, total.name, None, "wiring", 0),
            Block(branch.name, total.name, None, "wiring", 0),
        ]
        stream = total
    matrix[stream.units, layers[-1].units] = rng.random((width, width)) < np.where(near, 0.6, 0.05)
    blocks.append(Block(stream.name, "y", "out", "linear", width**2))
    graph = netsculpt.NetGraph(csr_array(np.triu(matrix)), None, tuple(layers), tuple(blocks))
    weights = np.where(graph.weights.data == 1, rng.lognormal(0, 0.3, graph.n_edges), 0)
    for block in blocks:
        if block.kind == "wiring":
            weights[graph.block_edges(block.source, block.target)] = 1
    return graph.with_weights(weights), netsculpt.Partition(np.tile(group, len(layers)))


def test_residual_channels_are_held_together() -> None:
    graph, truth = residual(groups=3, width=18, depth=3)
    (each,) = (analysis := netsculpt.analyze(graph, rng=0)).detected
    assert netsculpt.modules.compare(each.partition, truth).ari > 0.9
    assert each.verdict == "modular"
    assert "18 groups of units are joined one to one by wiring" in analysis.notes[0]
    judged = without_stream_edges(graph.balanced)
    expected = netsculpt.modules.quality(judged, each.partition)
    assert each.quality == pytest.approx(expected, rel=1e-6)
    assert each.consensus is not None
    assert netsculpt.modules.compare(each.consensus, truth).ari > 0.9
    by_layer = each.partition.labels.reshape(-1, 18)
    assert (by_layer[:7] == by_layer[0]).all(), "a channel is in one module through the depth"


def test_a_detector_that_finds_one_module_everywhere_says_so(graph: netsculpt.NetGraph) -> None:
    def one(graph: netsculpt.NetGraph, *, rng: RNG = None) -> netsculpt.Partition:
        return netsculpt.Partition(np.zeros(graph.n_units, int), "one")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "detector_of", lambda *_: one)
        analysis = netsculpt.analyze(graph, netsculpt.AnalysisPlan(n_nulls=20, n_seeds=2), rng=0)
    assert analysis.notes == ("layered: One module, as in every null network.",)
    assert analysis.detected[0].verdict == "chance"


@pytest.mark.parametrize(("sizes", "end"), [((1, 6, 4), "input"), ((4, 6, 1), "output")])
def test_of_a_single_input_or_output_nothing_is_made(
    sizes: tuple[int, ...], end: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """All paths run through it, and every module sees or serves it."""
    graph = from_matrices([np.ones((b, a)) for a, b in pairwise(sizes)])
    plan = netsculpt.AnalysisPlan(n_nulls=0, n_seeds=0)
    analysis = netsculpt.analyze(graph, plan, rng=0)
    assert analysis.paths.core is None
    assert any(f"There is one {end} unit" in note for note in analysis.notes)
    names = figure_files(analysis, FigureStyle(("png",)))
    assert names
    assert not [name for name in names if "pair_weights" in name]
    print_report(analysis)
    text = capsys.readouterr().out
    assert "hourglass score" not in text.partition("Notes")[0]
    assert "1/1" not in text


def test_edges_of_several_weights_are_called_kernels(graph: netsculpt.NetGraph) -> None:
    assert kernels(graph) == []
    weights = np.ones(graph.n_edges, np.int64)
    assert kernels(replace(graph, multiplicity=weights)) == []
    weights[:3] = 9
    (text,) = kernels(replace(graph, multiplicity=weights))
    assert text.startswith("3 of the edges are kernels")


def test_a_path_core_that_would_take_long_is_left_out(
    graph: netsculpt.NetGraph, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = netsculpt.AnalysisPlan(n_nulls=0, n_seeds=0)
    assert netsculpt.analyze(graph, plan, rng=0).paths.core is not None
    monkeypatch.setattr(stages, "MAX_CORE_WORK", graph.n_edges * 8 - 1)
    analysis = netsculpt.analyze(graph, plan, rng=0)
    assert any("The path core is left out" in note for note in analysis.notes)
    assert summary(analysis)["paths"]["core"] is None
    schema = Path(netsculpt.report.__path__[0], "summary.schema.json").read_text()
    jsonschema.validate(summary(analysis), json.loads(schema))
    print_report(analysis)
    assert "hourglass" not in capsys.readouterr().out
