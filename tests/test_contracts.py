"""What every method of a folder must do, whoever writes it: new files are tested by being there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from graphs import content, relabelled

import netsculpt
from netsculpt import NetGraph, Partition
from netsculpt.core.catalog import CATALOGUES, catalog

METRICS = catalog("metrics")
DETECTORS = catalog("detectors")
NULLS = catalog("nulls")


@pytest.fixture(scope="module")
def planted() -> tuple[NetGraph, Partition]:
    return netsculpt.planted([18, 18, 18, 18], 3, 0.7, 0.01, rng=3)


@pytest.fixture(scope="module")
def skipping() -> NetGraph:
    graph, _ = netsculpt.planted([10, 12, 9, 11], 2, 0.4, 0.1, skips=0.5, rng=4)
    weights = np.random.default_rng(4).standard_normal(graph.n_edges, dtype=np.float32)
    layer_of = np.array([f"of {x}" for x in graph.layer_of])
    attributes = {"activation": layer_of, "column": np.arange(graph.n_units)}
    return replace(graph.with_weights(weights), attributes=attributes)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("form", ["pattern", "magnitude"])
def test_metric(name: str, form: str, skipping: NetGraph) -> None:
    graph = getattr(skipping, form)
    before = content(graph)
    values = METRICS[name](graph)
    assert content(graph) == before
    assert values.shape == (graph.n_units,)
    assert values.dtype == np.float64
    assert not np.isnan(values).any()
    other, old = relabelled(graph, np.random.default_rng(0))
    np.testing.assert_array_equal(other.attributes["column"], old)
    np.testing.assert_allclose(METRICS[name](other), values[old], rtol=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_metric_of_a_network_without_edges(name: str) -> None:
    graph = netsculpt.from_matrices([np.zeros((3, 2)), np.zeros((2, 3))])
    assert METRICS[name](graph).shape == (7,)


@pytest.mark.parametrize("name", DETECTORS)
def test_detector(name: str, planted: tuple[NetGraph, Partition]) -> None:
    graph, truth = planted
    before = content(graph)
    found = DETECTORS[name](graph, rng=7)
    assert content(graph) == before
    assert found.method == name
    assert found.labels.shape == (graph.n_units,)
    assert found.labels.tobytes() == DETECTORS[name](graph, rng=7).labels.tobytes()
    if name != "sculpting":  # which clusters layers exactly, so that chance edges split modules
        assert netsculpt.modules.compare(found, truth).ari > 0.9


@pytest.mark.parametrize("name", DETECTORS)
def test_detector_sees_no_unit_numbers(name: str) -> None:
    blocks = np.kron(np.eye(3), np.ones((4, 4)))
    graph = netsculpt.from_matrices([blocks, blocks, blocks])
    other, old = relabelled(graph, np.random.default_rng(1))
    found, again = DETECTORS[name](graph, rng=0), DETECTORS[name](other, rng=0)
    assert Partition(again.labels[np.argsort(old)]).labels.tobytes() == found.labels.tobytes()


@pytest.mark.parametrize("name", DETECTORS)
def test_detector_gives_dead_units_no_module(name: str) -> None:
    first, second = np.ones((4, 3)), np.ones((2, 4))
    first[3], second[:, 2] = 0, 0  # hidden 3 is never fed, hidden 2 feeds nothing
    found = DETECTORS[name](netsculpt.from_matrices([first, second]), rng=0)
    assert np.flatnonzero(found.labels < 0).tolist() == [5, 6]


@pytest.mark.parametrize("name", NULLS)
def test_null(name: str, skipping: NetGraph) -> None:
    before = content(skipping)
    drawn = NULLS[name](skipping, rng=5)
    assert content(skipping) == before
    assert content(drawn) == content(NULLS[name](skipping, rng=5))
    assert content(drawn) != before
    assert (drawn.layers, drawn.blocks) == (skipping.layers, skipping.blocks)
    for attribute, of_units in skipping.attributes.items():
        np.testing.assert_array_equal(drawn.attributes[attribute], of_units)
    for block in skipping.blocks:
        pair = block.source, block.target
        mine, theirs = drawn.block(*pair), skipping.block(*pair)
        assert sorted(mine.data) == sorted(theirs.data), "each block keeps its weights"
    assert drawn.provenance[-1].function == name


@pytest.mark.parametrize("catalogue", sorted(CATALOGUES.keys() - {"formats", "rules"}))
def test_every_method_says_what_it_is(catalogue: str) -> None:
    methods = catalog(catalogue)
    assert methods
    for name, method in methods.items():
        assert method.__name__ == name
        assert len(method.__doc__ or "") > 100, f"{name} has no docstring worth the name"
