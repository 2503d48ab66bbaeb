"""What does not change the function of a network, and what it changes in a statement about one.

A hidden unit's incoming weights times c > 0 and its outgoing ones divided by c are the same ReLU
network; so are hidden units in another order. Methods declare what they vary with
(`netsculpt.core.declared`), and are held to it in both directions: what is declared does happen,
what is not declared does not.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graphs import relabelled, scaled

import netsculpt
from netsculpt import NetGraph, Partition, hierarchy, nulls
from netsculpt.core.catalog import catalog
from netsculpt.core.declared import (
    is_without_weights,
    on_own_weights,
    variations,
    varies_with,
)
from netsculpt.core.figure_style import NO_FIGURES
from netsculpt.core.random import RNG
from netsculpt.pipeline import WEIGHTED, stages
from netsculpt.report.folder import write_analysis

METRICS, DETECTORS = catalog("metrics"), catalog("detectors")
BY_DATA = catalog("data_aware")
HIDDEN = ("hidden",)


@pytest.fixture(scope="module")
def weak() -> NetGraph:
    """Modules that are hard to find, weights of both signs, dead units, skips."""
    graph, _ = netsculpt.planted([8, 10, 10, 6], 2, 0.3, 0.12, skips=0.2, rng=2)
    return graph.with_weights(np.random.default_rng(2).standard_normal(graph.n_edges))


@pytest.fixture(scope="module")
def noise() -> NetGraph:
    """A pattern without modules."""
    return netsculpt.planted([24, 24, 24], 1, 0.12, 0.12, rng=0)[0].pattern


@pytest.fixture(scope="module")
def faint() -> NetGraph:
    """A pattern whose modules are near the limit of what can be found."""
    return netsculpt.planted([20, 20, 20], 2, 0.35, 0.1, rng=1)[0].pattern


@pytest.fixture(scope="module")
def ties() -> NetGraph:
    """A pattern in which many units are as close to one unit as to another."""
    return netsculpt.planted([20, 20, 20, 10], 1, 0.12, 0.12, rng=0)[0].pattern


@pytest.fixture(scope="module")
def rescaled(weak: NetGraph) -> list[NetGraph]:
    """The same function three times, its hidden units scaled at random."""
    rng = np.random.default_rng(0)
    return [scaled(weak, rng.lognormal(0, 1.5, weak.n_units)) for _ in range(3)]


def output(graph: NetGraph, values: np.ndarray) -> np.ndarray:
    """What the ReLU network of the graph computes from `values` [inputs]."""
    activity = np.zeros(graph.n_units)
    activity[graph.inputs] = values
    for layer in graph.layers[1:]:
        total = (graph.weights.T @ activity)[layer.units]
        activity[layer.units] = total if layer.role == "output" else np.maximum(total, 0)
    return activity[graph.outputs]


def test_scaled_units_compute_the_same(weak: NetGraph, rescaled: list[NetGraph]) -> None:
    values = np.random.default_rng(1).standard_normal(weak.inputs.size)
    for other in rescaled:
        assert np.abs(other.weights.data / weak.weights.data).max() > 5
        np.testing.assert_allclose(output(other, values), output(weak, values), rtol=1e-9)


@pytest.mark.parametrize("name", METRICS)
def test_metrics_vary_with_unit_scales_as_declared(
    name: str, weak: NetGraph, rescaled: list[NetGraph]
) -> None:
    metric, declared = METRICS[name], "unit scales" in variations(METRICS[name])
    for other in rescaled:
        for form in ("pattern", "balanced"):
            before, after = metric(getattr(weak, form)), metric(getattr(other, form))
            np.testing.assert_allclose(after, before, rtol=1e-9, atol=1e-9)
        same = np.allclose(metric(other.magnitude), metric(weak.magnitude), rtol=1e-9, atol=1e-9)
        assert same is not declared


@pytest.mark.parametrize("name", METRICS)
def test_metrics_do_not_vary_with_the_order_of_units(name: str, weak: NetGraph) -> None:
    other, old = relabelled(weak, np.random.default_rng(3), HIDDEN)
    for form in ("pattern", "balanced", "magnitude"):
        before, after = METRICS[name](getattr(weak, form)), METRICS[name](getattr(other, form))
        np.testing.assert_allclose(after, before[old], rtol=1e-9, atol=1e-9)
    assert not variations(METRICS[name]) - {"unit scales"}


def modules(name: str, graph: NetGraph, seed: int = 0) -> list[int]:
    found: list[int] = DETECTORS[name](graph, rng=seed).labels.tolist()
    return found


@pytest.mark.parametrize("name", DETECTORS)
def test_detectors_vary_with_unit_scales_as_declared(
    name: str, weak: NetGraph, rescaled: list[NetGraph]
) -> None:
    declared = "unit scales" in variations(DETECTORS[name])
    before = modules(name, weak)
    assert any(modules(name, other) != before for other in rescaled) is declared
    assert modules(name, rescaled[0].balanced) == modules(name, weak.balanced)


@pytest.mark.parametrize("name", DETECTORS)
def test_detectors_read_weights_or_not_as_declared(name: str, weak: NetGraph) -> None:
    before, rng = modules(name, weak), np.random.default_rng(6)
    drawn = [rng.lognormal(0, 1, weak.n_edges) * rng.choice([-1, 1], weak.n_edges) for _ in "abc"]
    same = [modules(name, weak.with_weights(weights)) == before for weights in drawn]
    assert all(same) is is_without_weights(DETECTORS[name])


@pytest.mark.parametrize("name", DETECTORS)
def test_detectors_vary_with_the_seed_as_declared(
    name: str, noise: NetGraph, faint: NetGraph
) -> None:
    first = {id(graph): modules(name, graph) for graph in (noise, faint)}
    changed = any(
        modules(name, graph, seed) != first[id(graph)]
        for seed in range(1, 16)
        for graph in (noise, faint)
    )
    assert changed is ("seed" in variations(DETECTORS[name]))


@pytest.mark.parametrize("name", [x for x in DETECTORS if "seed" not in variations(DETECTORS[x])])
def test_detectors_vary_with_the_order_of_units_as_declared(
    name: str, weak: NetGraph, ties: NetGraph
) -> None:
    """Those that vary with the seed may take another order as another seed."""
    changed = False
    for graph in (weak, ties):
        before = modules(name, graph)
        for seed in range(3):
            other, old = relabelled(graph, np.random.default_rng(seed), HIDDEN)
            again = np.array(modules(name, other))[np.argsort(old)]
            changed |= Partition(again).labels.tolist() != before
    assert changed is ("unit order" in variations(DETECTORS[name]))


@pytest.mark.parametrize("name", BY_DATA)
def test_data_aware_detectors_vary_with_nothing(
    name: str, weak: NetGraph, rescaled: list[NetGraph]
) -> None:
    influence = np.random.default_rng(4).random((weak.n_units, weak.outputs.size))
    own = influence[weak.outputs]
    influence[weak.outputs] = (own + own.T) / 2 + 10 * np.eye(len(own))
    found = BY_DATA[name](weak, influence).labels
    assert found.max() > 0
    for other in rescaled:
        assert BY_DATA[name](other, influence).labels.tolist() == found.tolist()
    other, old = relabelled(weak, np.random.default_rng(5), HIDDEN)
    again = BY_DATA[name](other, influence[old]).labels[np.argsort(old)]
    assert Partition(again).labels.tolist() == found.tolist()
    assert not variations(BY_DATA[name])


def test_quality_varies_with_unit_scales_unless_weights_are_balanced(
    weak: NetGraph, rescaled: list[NetGraph]
) -> None:
    partition = netsculpt.modules.layered(weak.pattern, rng=0)
    quality = netsculpt.modules.quality
    for other in rescaled:
        assert quality(other, partition) != pytest.approx(quality(weak, partition), abs=1e-3)
        for form in ("pattern", "balanced"):
            before, after = (quality(getattr(x, form), partition) for x in (weak, other))
            assert after == pytest.approx(before, rel=1e-9)


HIERARCHIES: dict[str, Callable[[NetGraph, Partition], dict[str, Any]]] = {
    "infer": lambda graph, partition: hierarchy.infer(graph, partition).summary(),
    "flow": lambda graph, partition: hierarchy.flow(graph, partition).summary(),
    "ordered": lambda graph, partition: hierarchy.ordered(
        graph, partition, null=nulls.rebalanced(nulls.rewire), n=20, rng=0
    ).summary(),
}


@pytest.mark.parametrize("name", HIERARCHIES)
def test_hierarchies_do_not_vary_with_unit_scales(
    name: str, weak: NetGraph, rescaled: list[NetGraph]
) -> None:
    partition = netsculpt.modules.layered(weak.pattern, rng=0)
    before = HIERARCHIES[name](weak, partition)
    for other in rescaled:
        close(HIERARCHIES[name](other, partition), before)


def close(after: Any, before: Any, tolerance: float = 1e-7) -> None:
    """Check that two trees of plain values are the same up to rounding of numbers."""
    assert type(after) is type(before)
    if isinstance(before, dict):
        assert after.keys() == before.keys()
        for key in before:
            close(after[key], before[key], tolerance)
    elif isinstance(before, list | tuple):
        assert len(after) == len(before)
        for one, other in zip(after, before, strict=True):
            close(one, other, tolerance)
    elif isinstance(before, float):
        assert after == pytest.approx(before, rel=tolerance, abs=tolerance, nan_ok=True)
    else:
        assert after == before


PLAN = netsculpt.AnalysisPlan(
    (
        "layered",
        *(name for name in DETECTORS if "unit scales" not in variations(DETECTORS[name])),
    ),
    n_nulls=20,
    n_seeds=2,
)


def files(graph: NetGraph, folder: Path, plan: netsculpt.AnalysisPlan = PLAN) -> dict[str, str]:
    """What `analyze` writes about a network, but for its weights: JSON and tables by file name."""
    write_analysis(netsculpt.analyze(graph, plan, rng=0), folder, figures=NO_FIGURES)
    written = {path.name: path.read_text() for path in sorted(folder.glob("*.csv"))}
    written["summary.json"] = (folder / "summary.json").read_text()
    return written


def without(table: str, columns: set[str]) -> list[list[str]]:
    """The rows of a CSV table without these columns."""
    rows = [line.split(",") for line in table.splitlines()]
    kept = [index for index, name in enumerate(rows[0]) if name.strip('"') not in columns]
    assert len(kept) == len(rows[0]) - len(columns)
    return [[row[index] for index in kept] for row in rows]


def test_scaling_units_by_powers_of_two_changes_no_byte_of_the_report(
    weak: NetGraph, tmp_path: Path
) -> None:
    factors = 2.0 ** np.random.default_rng(6).integers(-3, 4, weak.n_units)
    before = files(weak, tmp_path / "before")
    after = files(scaled(weak, factors), tmp_path / "after")
    columns = json.loads(before["summary.json"])["columns"]
    varying = {name for name, column in columns.items() if "unit scales" in column["varies_with"]}
    assert varying == {
        name + WEIGHTED for name in METRICS if "unit scales" in variations(METRICS[name])
    }
    assert set(before) == {"summary.json", "units.csv", "modules.csv", "links.csv", "flows.csv"}
    assert without(before.pop("units.csv"), varying) == without(after.pop("units.csv"), varying)
    assert before == after


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scaling_units_by_any_factor_changes_no_module_and_no_p(
    weak: NetGraph, dtype: type, tmp_path: Path
) -> None:
    """Numbers agree as far as the products and quotients of the weights were rounded.

    In float32 that may turn a near tie in a null network; its Q differs by less than the step of p.
    """
    graph = weak.with_weights(weak.weights.data.astype(dtype))
    factors = np.random.default_rng(7).lognormal(0, 1.5, weak.n_units)
    plan = netsculpt.AnalysisPlan(n_nulls=20, n_seeds=2)
    before = json.loads(files(graph, tmp_path / "before", plan)["summary.json"])
    after = json.loads(files(scaled(graph, factors), tmp_path / "after", plan)["summary.json"])
    close(after, before, tolerance=0.02 if dtype is np.float32 else 1e-7)


def test_the_live_network_has_the_same_modules_and_the_same_p(weak: NetGraph) -> None:
    live_units = netsculpt.paths.effective(weak).units
    assert not live_units.all()
    plan = netsculpt.AnalysisPlan(("layered", "path_signature"), n_nulls=20, n_seeds=2)
    whole, live = (netsculpt.analyze(graph, plan, rng=0) for graph in (weak, weak.live()))
    for one, other in zip(whole.detected, live.detected, strict=True):
        assert one.partition.labels[live_units].tolist() == other.partition.labels.tolist()
        assert one.significance is not None
        assert other.significance is not None
        assert one.significance.p == other.significance.p
        assert one.significance.draws.tolist() == other.significance.draws.tolist()
        assert one.stability == other.stability
        assert one.hierarchy.links == other.hierarchy.links


def test_declarations_name_known_changes() -> None:
    with pytest.raises(ValueError, match="there are"):
        varies_with("weather")  # type: ignore[arg-type]


@varies_with("unit scales")
@on_own_weights
def strongest(graph: NetGraph, *, rng: RNG = None) -> Partition:
    """Two modules: units with a strong edge, and the others."""
    heavy = np.abs(graph.weights.data) > np.median(np.abs(graph.weights.data))
    labels = np.zeros(graph.n_units, dtype=int)
    labels[graph.sources[heavy]] = 1
    return Partition(labels, "strongest")


def test_a_used_detector_that_is_not_invariant_is_noted(
    weak: NetGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "detector_of", lambda *_: strongest)
    plan = netsculpt.AnalysisPlan(
        ("layered",), n_nulls=0, n_seeds=0, weights=("balanced", "pattern")
    )
    text = "Modules of layered depend on how units are scaled"
    assert text in " ".join(netsculpt.analyze(weak, plan, rng=0).notes)
    monkeypatch.undo()
    assert text not in " ".join(netsculpt.analyze(weak, plan, rng=0).notes)
    magnitude = netsculpt.AnalysisPlan(n_nulls=0, n_seeds=0, weights=("magnitude",))
    assert "how units are scaled" in " ".join(netsculpt.analyze(weak, magnitude, rng=0).notes)
