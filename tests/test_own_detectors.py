"""Functions as detectors: named after themselves, tested like others, or refused."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import netsculpt
from netsculpt import AnalysisPlan, GraphError, NetGraph, Partition, modules
from netsculpt.core.catalog import named
from netsculpt.core.declared import evidence_of, variations, varies_with
from netsculpt.core.figure_style import NO_FIGURES
from netsculpt.graph.circuits import parse_circuit
from netsculpt.modules.chosen import chosen_detector, detector_name
from netsculpt.nets import MLP, initial_net
from netsculpt.report.folder import is_written, write_analysis
from netsculpt.training import NetOnTask, pair_analysis, reuse_analysis, task
from netsculpt.training.dynamic.cram import one_shot
from netsculpt.training.sculpting import initial_replicas
from netsculpt.training.track import follow


@pytest.fixture(scope="module")
def planted() -> tuple[NetGraph, Partition]:
    return netsculpt.planted([8, 8, 8], 2, 0.9, 0.05, rng=0)


def by_position(graph: NetGraph, rng: Any = None) -> NDArray[np.int32]:
    assert graph.positions is not None
    return graph.positions // 4


def own_layered(graph: NetGraph, *, rng: Any) -> Partition:
    return modules.layered(graph, rng=rng)


def drawn(graph: NetGraph, *, rng: np.random.Generator) -> NDArray[np.int64]:
    return rng.integers(3, size=graph.n_units)


def test_a_function_finds_what_it_says_and_is_tested_against_the_null(
    planted: tuple[NetGraph, Partition],
) -> None:
    graph, _ = planted
    plan = AnalysisPlan(detectors=(by_position, drawn), n_nulls=19, n_seeds=4)
    found = netsculpt.analyze(graph, plan, rng=0)
    mine, chance = found.detected
    assert (mine.key, mine.partition.method) == ("by_position", "by_position")
    assert graph.live().n_units == graph.n_units
    assert (mine.partition.labels == Partition(by_position(graph)).labels).all()
    assert mine.significance is not None
    assert chance.significance is not None
    assert mine.significance.p == 0.05
    assert chance.significance.p > 0.05
    assert {"module_by_position", "consensus_drawn"} <= set(found.units().columns)


def test_a_wrapped_detector_gives_what_the_detector_gives(
    planted: tuple[NetGraph, Partition],
) -> None:
    plan = AnalysisPlan(n_nulls=5, n_seeds=0)
    graph, _ = planted
    by_name = netsculpt.analyze(graph, plan, rng=3).detected[0]
    by_function = netsculpt.analyze(graph, plan, detector=own_layered, rng=3).detected[0]
    assert by_function.quality == pytest.approx(by_name.quality, abs=1e-3)
    assert by_function.partition.n_modules == by_name.partition.n_modules == 2
    same = netsculpt.analyze(graph, plan, detector=modules.layered, rng=3)
    assert same.plan.detectors == ("layered",)
    assert (same.detected[0].partition.labels == by_name.partition.labels).all()


def test_what_a_function_declares_holds_for_the_detector() -> None:
    declared = varies_with("seed")(lambda graph, *, rng: np.zeros(graph.n_units, int))
    declared.__name__ = "declared"
    assert variations(chosen_detector(declared)) == {"seed"}
    weigh = evidence_of(named("detectors", "mdl"))
    assert evidence_of(chosen_detector(modules.mdl)) is weigh
    named_partial = partial(modules.layered, resolution=0.5)
    named_partial.__name__ = "coarse"  # type: ignore[attr-defined]
    assert detector_name(named_partial) == "coarse"


def test_manifests_and_tables_name_the_function(
    planted: tuple[NetGraph, Partition], tmp_path: Path
) -> None:
    graph, _ = planted
    plan = AnalysisPlan(detectors=("layered", by_position), n_nulls=0, n_seeds=0)
    write_analysis(netsculpt.analyze(graph, plan, rng=0), tmp_path / "out", figures=NO_FIGURES)
    told = json.loads((tmp_path / "out/manifest.json").read_text())["arguments"]
    assert told["detectors"] == ["layered", "by_position"]
    assert told["functions"] == {"by_position": f"{__name__}.by_position"}
    assert "by_position" in json.loads((tmp_path / "out/summary.json").read_text())["modules"]
    about = {"source": None, "figures": NO_FIGURES}
    assert not is_written(tmp_path / "out", graph, plan, 0, **about)


def test_plans_of_names_are_recorded_as_before() -> None:
    plan = AnalysisPlan(detectors=("mdl",), n_nulls=3, n_seeds=20)
    assert plan.summary() == {
        "detectors": ("mdl",),
        "null": "rewire",
        "n_nulls": 3,
        "n_seeds": 20,
        "weights": ("balanced",),
    }


def test_comparisons_and_tracks_use_functions(planted: tuple[NetGraph, Partition]) -> None:
    graph, _ = planted
    analysis = netsculpt.analyze(graph, AnalysisPlan((by_position,), n_nulls=0, n_seeds=0), rng=0)
    compared = netsculpt.compare_networks(analysis, analysis, n_nulls=3, rng=0)
    assert compared.module_test is not None
    assert compared.summary()["modules"]["detector"] == "by_position"
    track = follow([(0, graph), (1, graph)], detector=by_position, n_nulls=2, rng=0)
    assert track.detector == "by_position"
    assert [point.n_modules for point in track.points] == [2, 2]


def test_pairs_and_reuse_use_functions() -> None:
    dense = initial_net(MLP((64, 8, 10)), rng=0)
    sparse = one_shot(dense, 0.3).net
    pair = pair_analysis(sparse, dense, task("digits"), detector=by_position, rng=0)
    assert pair.graph is not None
    assert (pair.graph.detector, pair.graph.module_ami) == ("by_position", 1.0)
    circuit = parse_circuit("f = a ^ b; g = c & d; y1 = f; y2 = g; y3 = ~f; y4 = ~g")
    net = NetOnTask(initial_replicas(MLP((4, 8, 4)), [0]), circuit)
    reuse = reuse_analysis(net, net, detector=by_position, n_random=3, n_draws=3, rng=0)
    assert reuse.about["detector"] == "by_position"
    assert reuse.source.modules.method == "by_position"


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda graph, *, rng: np.zeros(3, int), "no name for tables"),
        (partial(modules.layered, resolution=2.0), "no name for tables"),
        (7, "a function .graph, .*needed"),
    ],
)
def test_what_is_no_detector_is_refused_before_anything_runs(
    planted: tuple[NetGraph, Partition], function: Any, message: str
) -> None:
    with pytest.raises(GraphError, match=message):
        netsculpt.analyze(planted[0], detector=function)


def layered(graph: NetGraph, *, rng: Any) -> list[int]:
    return [0] * graph.n_units


def without_rng(graph: NetGraph) -> list[int]:
    return [0] * graph.n_units


def with_too_much(graph: NetGraph, k: int, *, rng: Any) -> list[int]:
    return [0] * graph.n_units


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (layered, "name of another detector"),
        (without_rng, r"takes \(graph\) and is called as without_rng\(graph, rng=rng\)"),
        (with_too_much, "default values for other arguments"),
    ],
)
def test_functions_that_cannot_be_called_are_refused(
    planted: tuple[NetGraph, Partition], function: Callable[..., Any], message: str
) -> None:
    with pytest.raises(GraphError, match=message):
        netsculpt.analyze(planted[0], detector=function)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda n: [0] * (n - 1), "returned 23 labels for a graph of 24 units"),
        (lambda n: [0.5] * n, "labels are float64"),
        (lambda n: None, "labels are object"),
        (lambda n: [-2] * n, "label -2 found"),
        (lambda n: [[0] * n], r"shape \[1, 24\]"),
        (lambda n: [[0], [0, 1]], "returned no labels"),
        (lambda n: Partition([0, 1]), "returned 2 labels for a graph of 24 units"),
    ],
)
def test_labels_that_do_not_fit_are_refused(
    planted: tuple[NetGraph, Partition], returned: Callable[[int], Any], message: str
) -> None:
    def mine(graph: NetGraph, *, rng: Any) -> Any:
        return returned(graph.n_units)

    with pytest.raises(GraphError, match=f"detector 'mine' .*{message}"):
        netsculpt.analyze(planted[0], detector=mine)
