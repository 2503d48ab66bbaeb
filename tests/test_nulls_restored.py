"""Null networks with the signs and unit scales of the network."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import scaled

import netsculpt
from netsculpt import NetGraph
from netsculpt.core.parallel import for_threads
from netsculpt.core.random import RNG, stream
from netsculpt.modules import path_signature, quality
from netsculpt.nulls import rebalanced, restored, rewire
from netsculpt.paths import path_share


@pytest.fixture(scope="module")
def graph() -> NetGraph:
    """Units of very different strength, dead ones, blocks in several parts, weights of 0."""
    rng = np.random.default_rng(0)
    planted, _ = netsculpt.planted([10, 14, 14, 8], 2, 0.3, 0.02, skips=0.2, rng=1)
    strength = rng.lognormal(0, 1, planted.n_units)
    weights = rng.standard_normal(planted.n_edges) * strength[planted.sources]
    weights[rng.random(planted.n_edges) < 0.05] = 0
    return planted.with_weights(weights)


@for_threads
def same(graph: NetGraph, *, rng: RNG = None) -> NetGraph:
    """The null model that changes nothing."""
    return graph


def test_a_null_that_changes_nothing_gives_a_network_of_the_same_function() -> None:
    """In blocks that are dealt their own weights: those with twenty edges on cycles or more."""
    rng = np.random.default_rng(0)
    planted, _ = netsculpt.planted([10, 14, 14, 8], 2, 0.5, 0.2, rng=1)
    graph = planted.with_weights(rng.standard_normal(planted.n_edges))
    graph = scaled(graph, rng.lognormal(0, 1, graph.n_units))
    drawn = restored(same)(graph, rng=0)
    expected = path_share(graph.magnitude)
    np.testing.assert_allclose(path_share(drawn.magnitude), expected, atol=1e-8)
    assert expected.max() < 0.9
    assert not np.allclose(path_share(graph.balanced), expected, atol=0.01)


def test_the_balanced_form_of_a_draw_is_a_balanced_draw(graph: NetGraph) -> None:
    drawn = restored(rewire)(graph, rng=3).balanced.weights
    balanced = rebalanced(rewire)(graph, rng=stream(3, "rebalanced")).weights
    assert drawn.indices.tolist() == balanced.indices.tolist()
    np.testing.assert_allclose(drawn.data, balanced.data, rtol=1e-6, atol=1e-9)


def test_each_block_keeps_its_signs(graph: NetGraph) -> None:
    drawn = restored(rewire)(graph, rng=4)
    for block in graph.blocks:
        mine, theirs = (x.block(block.source, block.target).data for x in (graph, drawn))
        assert np.signbit(mine).sum() == np.signbit(theirs).sum() > 0
    assert (graph.weights.data == 0).sum() == (drawn.weights.data == 0).sum() > 0


def test_scaling_units_changes_no_draw(graph: NetGraph) -> None:
    factors = np.random.default_rng(5).lognormal(0, 2, graph.n_units)
    one, other = (restored(rewire)(x, rng=5) for x in (graph, scaled(graph, factors)))
    assert one.weights.indices.tolist() == other.weights.indices.tolist()
    np.testing.assert_allclose(one.weights.data, other.weights.data, rtol=1e-6)


def test_the_gain_of_a_layer_changes_no_draw() -> None:
    """Blocks in several parts, which a draw joins: the parts must share the gain alike."""
    planted, _ = netsculpt.planted([10, 14, 14, 8], 3, 0.4, 0.0, rng=1)
    weights = np.random.default_rng(0).lognormal(0, 1, planted.n_edges)
    graph = planted.with_weights(weights).live()
    into = graph.layer_of[graph.weights.indices]
    expected = restored(rewire)(graph, rng=6)
    qualities = [quality(x.balanced, path_signature(x)) for x in (expected,)]
    for layer, gain, exactly in ((1, 2.0**33, True), (2, 1e10, False), (3, 1e-10, False)):
        louder = graph.with_weights(np.where(into == layer, gain, 1.0) * graph.weights.data)
        factors = np.random.default_rng(7).lognormal(0, 3, graph.n_units)
        for other in (louder, scaled(louder, 2.0 ** np.round(factors) if exactly else factors)):
            drawn = restored(rewire)(other, rng=6)
            np.testing.assert_allclose(drawn.weights.data, expected.weights.data, rtol=1e-6)
            qualities.append(quality(drawn.balanced, path_signature(drawn)))
    np.testing.assert_allclose(qualities, qualities[0], rtol=1e-9)


@pytest.mark.parametrize("ends", ["inputs", "outputs"])
def test_the_scale_of_all_inputs_or_outputs_changes_no_draw(graph: NetGraph, ends: str) -> None:
    """Skip connections included; that of one input does."""
    at = graph.sources if ends == "inputs" else graph.weights.indices
    units = getattr(graph, ends)
    expected = restored(rewire)(graph, rng=8).weights.data
    for scaled_units, same in ((units, True), (units[:1], False)):
        gain = np.where(np.isin(at, scaled_units), 1e6, 1.0)
        drawn = restored(rewire)(graph.with_weights(graph.weights.data * gain), rng=8)
        assert np.allclose(drawn.weights.data, expected, rtol=1e-6) == same
