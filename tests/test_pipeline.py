"""`analyze`: one frozen plan, one order of stages."""

from __future__ import annotations

import numpy as np
import pytest

import netsculpt
from netsculpt.core.catalog import catalog
from netsculpt.core.errors import FormatError, GraphError
from netsculpt.core.random import RNG
from netsculpt.pipeline import stages


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
