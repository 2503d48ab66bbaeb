"""Outputs of many topologies at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from topologies import random_topology, topology

from netsculpt.core.errors import GraphError
from netsculpt.graph.activations import WANN_ACTIVATIONS
from netsculpt.training.search.engine import individual_outputs, outputs, reduced
from netsculpt.training.search.engine.sweep import apply
from netsculpt.training.search.topology import Topology

WEIGHTS = [-2, -1, -0.5, 0.5, 1, 2]
FUNCTIONS = {
    "identity": lambda x: x,
    "step": lambda x: (x > 0).astype(float),
    "sin": lambda x: np.sin(np.pi * x),
    "gaussian": lambda x: np.exp(-(x**2) / 2),
    "tanh": np.tanh,
    "sigmoid": lambda x: (np.tanh(x / 2) + 1) / 2,
    "negative": lambda x: -x,
    "abs": np.abs,
    "relu": lambda x: np.maximum(x, 0),
    "cos": lambda x: np.cos(np.pi * x),
    "square": lambda x: x**2,
}


def one_by_one(
    net: Topology, inputs: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Outputs [S, O] in float64, sample by sample, edge by edge, with weights [E]."""
    found = []
    for sample in inputs:
        values = [1.0, *sample]
        for unit in range(net.n_inputs, net.n_units):
            total = 0.0
            for edge in range(net.indptr[unit], net.indptr[unit + 1]):
                total += weights[edge] * values[net.sources[edge]]
            function = FUNCTIONS[WANN_ACTIVATIONS[net.activations[unit]]]
            values.append(float(function(np.float64(total))))
        found.append(values[net.n_units - net.n_outputs :])
    return np.array(found)


def smooth(net: Topology) -> Topology:
    """The same without steps, where the last bit of a sum decides."""
    kinds = np.where(net.activations == WANN_ACTIVATIONS.index("step"), 0, net.activations)
    return replace(net, activations=kinds.astype("int8"))


@pytest.mark.parametrize("name", WANN_ACTIVATIONS)
def test_activations_are_within_a_millionth(name: str) -> None:
    kind = WANN_ACTIVATIONS.index(name)
    near, far = np.linspace(-12, 12, 400_003), np.geomspace(1e-30, 1e5, 4001)
    x = np.concatenate([near, far, -far, [0, 0.5, -0.5, 1, -1, 1.5]]).astype("float32")
    found = np.empty_like(x)
    apply(kind, x, np.ones_like(x), found)
    exact = x.astype(float)
    if name in ("sin", "cos"):
        exact = exact % 2  # without an error of its own for large x
    expected = FUNCTIONS[name](exact)
    if name in ("identity", "negative", "abs", "relu", "step", "square"):
        assert np.array_equal(found, expected.astype("float32"))
    else:
        assert np.abs(found - expected).max() < 1e-6


def test_activations_of_what_is_no_number() -> None:
    x = np.array([np.nan, np.inf, -np.inf], "float32")
    for name in ("sin", "gaussian", "tanh", "sigmoid", "relu", "cos", "square"):
        found = np.empty_like(x)
        apply(WANN_ACTIVATIONS.index(name), x, np.ones_like(x), found)
        assert np.isnan(found[0])
    for name, limits in (("tanh", [1, -1]), ("sigmoid", [1, 0]), ("gaussian", [0, 0])):
        apply(WANN_ACTIVATIONS.index(name), x, np.ones_like(x), found)
        assert np.allclose(found[1:], limits, atol=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_outputs_are_those_of_a_loop_over_edges(seed: int) -> None:
    rng = np.random.default_rng(seed)
    nets = [smooth(random_topology(rng, density=density)) for density in (0.0, 0.1, 0.3, 1.0)]
    inputs = rng.normal(size=(37, 3))
    found = outputs(nets, inputs, [-0.7, 0.3])
    assert found.shape == (4, 2, 37, 2)
    assert found.dtype == np.float32
    for net, values in zip(nets, found, strict=True):
        for weight, mine in zip((-0.7, 0.3), values, strict=True):
            expected = one_by_one(net, inputs, np.full(net.n_edges, weight))
            assert np.allclose(mine, expected, rtol=1e-4, atol=1e-4)
        weights = rng.normal(size=(2, net.n_edges))
        for mine, row in zip(individual_outputs(net, inputs, weights), weights, strict=True):
            assert np.allclose(mine, one_by_one(net, inputs, row), rtol=1e-3, atol=1e-3)


def test_a_step_of_exact_sums() -> None:
    net = topology(3, 1, [("step", [0, 1, 2]), ("square", [3, 0]), ("abs", [4, 1, 2, 3, 0])])
    inputs = np.array([[-1, 0], [-1, 1], [2, -3], [0, -1]], float)
    for weight in (-2.0, 0.5):
        expected = one_by_one(net, inputs, np.full(net.n_edges, weight))
        assert np.array_equal(outputs([net], inputs, [weight])[0, 0], expected)


@pytest.mark.parametrize("n_samples", [1, 31, 256, 257, 1000])
def test_blocks_of_samples_change_nothing(n_samples: int) -> None:
    rng = np.random.default_rng(0)
    nets, inputs = [random_topology(rng) for _ in range(3)], rng.normal(size=(n_samples, 3))
    whole = outputs(nets, inputs, WEIGHTS)
    for row in {0, n_samples // 2, n_samples - 1}:
        assert np.array_equal(whole[:, :, row], outputs(nets, inputs[[row]], WEIGHTS)[:, :, 0])


def test_threads_and_neighbours_change_no_byte() -> None:
    rng = np.random.default_rng(1)
    nets = [random_topology(rng, n_hidden=int(rng.integers(30))) for _ in range(40)]
    inputs = rng.normal(size=(70, 3))
    alone = np.stack([outputs([net], inputs, WEIGHTS)[0] for net in nets])
    for threads in (1, 2, 5):
        assert outputs(nets, inputs, WEIGHTS, threads=threads).tobytes() == alone.tobytes()


def test_reduced_outputs() -> None:
    rng = np.random.default_rng(2)
    nets, inputs = [random_topology(rng) for _ in range(50)], rng.normal(size=(20, 3))
    sizes = []

    def largest(found: NDArray[np.float32]) -> NDArray[np.float64]:
        sizes.append(len(found))
        return found.max(axis=(-1, -2)).astype(float)

    found = reduced(nets, inputs, WEIGHTS, largest)
    assert np.array_equal(found, outputs(nets, inputs, WEIGHTS).max(axis=(-1, -2)))
    assert sum(sizes) == 50
    assert max(sizes) < 10


def test_nothing_given_is_changed() -> None:
    rng = np.random.default_rng(3)
    net, inputs, weights = random_topology(rng), rng.normal(size=(5, 3)), np.array(WEIGHTS)
    before = [x.copy() for x in (net.indptr, net.sources, net.activations, inputs, weights)]
    outputs([net], inputs, weights)
    after = net.indptr, net.sources, net.activations, inputs, weights
    assert all(map(np.array_equal, before, after))


LEGAL = topology(2, 1, [("abs", [0, 1]), ("identity", [2])])


@pytest.mark.parametrize(
    ("net", "problem"),
    [
        (replace(LEGAL, sources=np.array([0, 1, 3], "int32")), "does not come from a unit before"),
        (replace(LEGAL, sources=np.array([0, -1, 2], "int32")), "does not come from a unit before"),
        (replace(LEGAL, activations=np.array([0, 0, 11, 0], "int8")), "activations are 0 … 11"),
        (replace(LEGAL, indptr=np.array([0, 0, 0, 2, 4], "int32")), "indptr does not say"),
        (replace(LEGAL, indptr=np.array([0, 0, 0, 4, 3], "int32")), "indptr does not say"),
        (replace(LEGAL, indptr=np.array([0, 1, 1, 2, 3], "int32")), "indptr does not say"),
        (replace(LEGAL, indptr=np.array([0, 0, 2, 3], "int32")), "indptr does not say"),
        (replace(LEGAL, n_outputs=3), "4 units"),
    ],
)
def test_illegal_topologies_are_refused(net: Topology, problem: str) -> None:
    with pytest.raises(GraphError, match=problem):
        outputs([net], np.zeros((1, net.n_inputs - 1)), [1])


def test_what_does_not_fit_is_refused() -> None:
    inputs = np.zeros((4, 1))
    with pytest.raises(GraphError, match="no topology"):
        outputs([], inputs, [1])
    with pytest.raises(GraphError, match=r"\(2, 1\), \(3, 1\)"):
        outputs([LEGAL, topology(3, 1, [("abs", [0])])], inputs, [1])
    with pytest.raises(GraphError, match=r"\[samples, 1\] are needed"):
        outputs([LEGAL], np.zeros((4, 2)), [1])
    with pytest.raises(GraphError, match="at least one number"):
        outputs([LEGAL], inputs, [])
    with pytest.raises(GraphError, match="3 edges"):
        individual_outputs(LEGAL, inputs, [[1, 1]])
